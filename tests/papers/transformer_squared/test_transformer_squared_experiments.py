"""Experiments and panels on a small random model: what is shown is what the edits do, and nothing is left behind."""

import copy
from typing import Any

import pytest
import torch

import labkit
from labkit import zoo
from labkit.base.errors import BadInput
from labkit.figures import describe, draw, new_figure, png
from labkit.interventions import edit
from labkit.models import DecoderConfig
from labkit.papers import transformer_squared as t2
from labkit.papers.transformer_squared import claims, task, training
from labkit.papers.transformer_squared.experiments import searches
from labkit.papers.transformer_squared.experiments.equalising import BANDS, TASKS
from labkit.papers.transformer_squared.experiments.mixtures import toward
from labkit.papers.transformer_squared.experiments.searches import best_after
from labkit.papers.transformer_squared.method.dispatch import few_shot_objective
from labkit.papers.transformer_squared.method.search import Found, Round


@pytest.fixture(scope="module")
def handle():
    config = DecoderConfig(vocab=39, width=16, depth=2, heads=2, ffn=24, context=16, tie=False, init_std=0.4)
    return zoo.Handle("toy/skills", config.build(1).eval(), task.language(), {})


@pytest.fixture(autouse=True)
def restored(handle):
    before = labkit.fingerprint(handle)
    yield
    assert labkit.fingerprint(handle) == before


@pytest.fixture(scope="module")
def bank(handle):
    made = {}
    for seed, name in enumerate(("math", "text", "logic", "label")):
        adapter = t2.SVF(handle)
        with torch.no_grad():
            for place, z in enumerate(adapter.parameters()):
                z += 0.4 * torch.randn(z.shape, generator=torch.Generator().manual_seed(50 * seed + place))
        made[name] = t2.Expert.from_adapter(name, adapter)
    return made


def test_grades_are_those_of_the_words_a_model_says(handle):
    found = t2.grade(handle, ("max",), 60)
    asked = t2.questions("max", 60, 11, "test")
    said = [handle.generate(task.language().decode(row[1:]), 2).split()[5:] for row in asked.prompts_BP]
    wanted = [task.language().decode(row).split() for row in asked.answers_BA]
    assert list(found.right["max"]) == [a == b for a, b in zip(said, wanted)]
    assert found["max"] == pytest.approx(sum(found.right["max"]) / 60) and "max" in str(found)


def test_a_band_is_counted_from_the_largest_and_reaches_the_chosen_matrices_alone(handle):
    edits = t2.band_edits(handle, 0.0, 0.25, 0.0, "mlp")
    assert [one.address for one in edits] == [f"layers.{n}.mlp.{p}" for n in (0, 1) for p in ("gate", "up", "down")]
    assert edits[0].z == (0.0,) * 4 + (1.0,) * 12
    (alone,) = t2.band_edits(handle, 0.5, 1.0, 2.0, "layers.1.attn.q")
    assert alone.z == (1.0,) * 8 + (2.0,) * 8
    found = t2.band_effect(handle, 0.0, 0.5, tasks=("sum", "max"), n=20)
    assert found.lost == pytest.approx(sum(found.intact[t] - found.cut[t] for t in ("sum", "max")) / 2)
    with pytest.raises(BadInput, match="is none"):
        t2.band_edits(handle, 0.6, 0.2, 1.0)
    same = t2.band_effect(handle, 0.0, 1.0, 1.0, n=20)
    assert same.intact.right == same.cut.right and "sum" in str(same)


def test_shares_of_variance_are_of_squares(handle):
    shares = t2.spectrum_shares(handle, 0.25)
    sigma = torch.linalg.svdvals(handle.model.trunk.blocks[0].mlp.mixer.up.weight.detach()).square()
    assert shares.share["layers.0.mlp.up"] == pytest.approx(float(sigma[:4].sum() / sigma.sum()), rel=1e-4)
    assert t2.spectrum_shares(handle, 1.0).of_parts("attn.q") == pytest.approx(1.0)
    assert len(png(draw(shares))) > 5000 and "attn.q" in describe(shares) and "mlp.up" in str(shares)
    assert draw(shares).axes[0].get_legend_handles_labels()[1] == ["layer 0", "layer 1"]
    with pytest.raises(BadInput):
        t2.spectrum_shares(handle, 0.0)


def test_waking_reports_what_it_learned_and_its_controls(handle):
    found = t2.wake(handle, "max", tasks=("sum",), n=20, steps=3, batch=8, patience=99)
    assert found.numbers == 14 * 16 and len(found.learned.course) == 3 and found.after.tasks == ("max", "sum")
    assert "max" in str(found) and len(png(draw(found))) > 5000 and "learns max" in describe(found)
    with edit(handle, *found.expert.edits()):
        assert t2.grade(handle, ("max",), 20)["max"] == pytest.approx(found.after["max"])
    made = t2.controls(handle, found.expert, ("max",), 20)
    variants = ["z shuffled", "z flattened", "z smoothed", "upper half of z", "lower half of z"]
    assert list(made.grades) == ["no expert", "z", *variants]
    assert len(png(draw(made))) > 5000 and "z shuffled" in describe(made) and "z smoothed" in str(made)
    down = t2.strengths(handle, found.expert, ("max",), (0.0, 1.0), 20)
    assert down.grades["0"]["max"] == found.before["max"]
    assert down.grades["1"]["max"] == pytest.approx(found.after["max"])


def test_controls_side_by_side_ask_each_expert_its_own_task(handle, bank):
    made = t2.controls_by_domain(handle, bank, 20)
    for domain, name in task.DOMAINS.items():
        alone = t2.controls(handle, bank[domain], (name,), 20)
        assert {v: one.right[name] for v, one in made.grades.items()} == {
            v: one.right[name] for v, one in alone.grades.items()
        }
    assert made.grades["z"].tasks == tuple(task.DOMAINS.values())


def test_strategies_name_each_way_and_answer_as_its_experts_would(handle, bank):
    experts = {name: bank[name] for name in ("math", "text", "logic")}
    found = t2.strategies(handle, experts, bank["label"], n=12, rounds=1)
    assert list(found.right) == ["base", "z math", "z text", "z logic", "A prompt", "B classifier", "C few-shot"]
    assert found.tasks == ("add", "rev5", "max5")
    with edit(handle, *bank["math"].edits()):
        assert t2.grade(handle, ("add",), 12).right["add"] == found.right["z math"]["add"]
    for table in found.labels.values():
        assert all(sum(row.values()) == pytest.approx(1.0) for row in table.rows.values()) and "other" in str(table)
    assert 0 <= table.right(task.UNSEEN) <= 1 and "C few-shot" in str(found)
    assert len(png(draw(found))) > 5000 and "B classifier" in describe(found)
    again = t2.two_pass(handle, experts, t2.questions("add", 12, 11, "test"))
    assert again.right == found.right["A prompt"]["add"]


def test_random_shooting_stands_beside_the_search_at_equal_cost(handle, bank):
    made = [
        t2.few_shots(handle, bank, "max", shots=6, rounds=2, population=12, method=m, n=10)
        for m in ("cross-entropy", "random")
    ]
    assert [one.evaluations for one in made] == [24, 24] and set(made[0].shares) == set(bank)


@pytest.mark.parametrize("way", t2.WAYS)
def test_four_searches_try_as_many_mixtures_in_three_or_in_many_numbers(handle, bank, way):
    experts = {name: bank[name] for name in ("math", "text", "logic")}
    ask = {"shots": 6, "population": 10, "n": 12, "seed": 4}
    found = t2.search_shares(handle, experts, "max", way, rounds=(1, 3), **ask)
    assert {count: one.evaluations for count, one in found.items()} == {1: 10, 3: 30}
    assert {one.dimensions for one in found.values()} == {3 * 14 if way.startswith("per matrix") else 3}
    assert found[3].on_shots >= found[1].on_shots
    if way.startswith("global"):  # the search of strategy C
        method = "cross-entropy" if way.endswith("entropy") else "random"
        again = t2.few_shots(handle, experts, "max", method=method, rounds=3, **ask)
        assert (again.on_shots, again.grades["max"]) == (found[3].on_shots, found[3].right)
    else:  # the search tries what is graded: row m of a point is the shares of matrix m
        twin, some = copy.deepcopy(handle.model), list(experts.values())
        rows_MK = torch.rand(14, 3, generator=torch.Generator().manual_seed(1))
        few_shot_objective(twin, some, t2.questions("max", 6, 1004, "validation"))(rows_MK.flatten())
        mixture = t2.mix(some, dict(zip(some[0].z, rows_MK.tolist())))
        with edit(handle, *mixture.edits()):
            for tried, graded in zip(twin.parameters(), handle.model.parameters()):
                torch.testing.assert_close(tried, graded)


def test_row_m_of_the_best_point_is_the_shares_of_matrix_m(handle, bank, monkeypatch):
    experts = {name: bank[name] for name in ("math", "text", "logic")}
    point, graded = tuple(n / 42 for n in range(42)), []
    stub = Found(point, (1.0, 0.0), (Round((point,), ((1.0, 0.0),), ()),))
    monkeypatch.setattr(searches, "random_shooting", lambda *_, **__: stub)
    monkeypatch.setattr(searches, "mix", lambda some, shares: graded.append(shares) or t2.mix(some, shares))
    t2.search_shares(handle, experts, "max", "per matrix, random", rounds=(1,), n=4)
    for number, (place, shares) in enumerate(graded[0].items()):
        assert place == list(bank["math"].z)[number]
        assert shares == pytest.approx(point[3 * number : 3 * number + 3])


def test_the_best_of_the_first_rounds_is_the_first_of_equals():
    rounds = [
        Round(((0.1,), (0.2,)), ((0.5, -1.0), (0.5, -1.0)), ()),
        Round(((0.3,), (0.4,)), ((0.5, -2.0), (0.6, -3.0)), ()),
    ]
    found = Found((0.4,), (0.6, -3.0), tuple(rounds))
    assert best_after(found, 1) == ((0.5, -1.0), (0.1,)) and best_after(found, 2) == ((0.6, -3.0), (0.4,))


def test_a_transplant_keeps_the_numbers_and_asks_the_seen_and_the_unseen_task(handle, bank):
    other = zoo.Handle("toy/other", handle.model.config.build(2).eval(), task.language(), {})
    found = t2.transplant(other, {"math": bank["math"]}, {"math": bank["math"].for_model(other)}, n=10)
    assert list(found["math"].grades) == ["base", "own z", "ordered", "shuffled", "smoothed"]
    assert found["math"].grades["own z"].right == found["math"].grades["ordered"].right
    # Cross-model few-shot: the search over a donor's experts, bound to this model.
    moved = {name: bank[name].for_model(other) for name in ("math", "text")}
    searched = t2.few_shots(other, moved, "max", shots=4, rounds=1, population=10, n=10)
    with edit(other, *t2.mix(list(moved.values()), list(searched.shares.values())).edits()):
        assert t2.grade(other, ("max",), 10).right == searched.grades.right
    with pytest.raises(BadInput, match="another matrix"), edit(other, *bank["math"].edits()):
        pass


def test_experts_of_another_model_are_laid_on_whole_and_mixed_by_few_shots(handle, bank):
    other = zoo.Handle("toy/other", handle.model.config.build(2).eval(), task.language(), {})
    donors = {name: bank[name] for name in task.DOMAINS}
    own = {name: one.for_model(other).flattened() for name, one in donors.items()}
    found = t2.transplant_by_few_shots(other, donors, own, shots=4, rounds=1, n=12, seed=3).grades
    variants = ("own z", "ordered", "shuffled", "smoothed", "flattened")
    assert list(found) == ["base", *(name for one in variants for name in (one, f"{one}, mixed"))]
    assert all(one.tasks == tuple(task.UNSEEN.values()) for one in found.values())
    # Alone, a task is answered with its own domain's expert; here a base's own experts are the flattened ones.
    assert found["own z"].right == found["flattened"].right and found["own z, mixed"] == found["flattened, mixed"]
    with edit(other, *bank["text"].for_model(other).shuffled(3).edits()):
        assert t2.grade(other, ("rev5",), 12).right["rev5"] == found["shuffled"].right["rev5"]
    moved = {name: one.for_model(other) for name, one in donors.items()}
    again = t2.few_shots(other, moved, "max5", shots=4, rounds=1, n=12, seed=3)
    assert again.grades.right["max5"] == found["ordered, mixed"].right["max5"]


def test_a_mixture_of_nothing_is_the_base_and_of_one_is_the_expert(handle, bank):
    pair = [bank["math"], bank["text"]]
    plain, alone = (t2.mixture_scores(handle, pair, ("max",), shares, 20) for shares in ((0.0, 0.0), (1.0, 0.0)))
    assert plain["max"] == t2.grade(handle, ("max",), 20)["max"]
    with edit(handle, *bank["math"].edits()):
        assert alone["max"] == t2.grade(handle, ("max",), 20)["max"]
    half = toward(pair, (0.5, 0.25)).z["layers.0.mlp.up"]
    expected = 1 + 0.5 * (pair[0].z["layers.0.mlp.up"] - 1) + 0.25 * (pair[1].z["layers.0.mlp.up"] - 1)
    torch.testing.assert_close(half, expected)
    found = t2.mixture_map(handle, bank, ("math", "text"), ("max", "sum"), n=10, rounds=2, shots=4)
    best, shares = found.highest()
    assert best == max(found.mean(i, j) for i in range(7) for j in range(7))
    assert len(found.rounds) == 2 and max(shares) <= 1.5


@pytest.mark.parametrize("band", [*BANDS])
def test_the_equaliser_shows_what_the_edits_do(handle, band, monkeypatch):
    panel = labkit.EqualiserPanel(handle)
    panel.set(band=band, factor=0.5, where="mlp")
    data = panel.data
    with edit(handle, *t2.band_edits(handle, *BANDS[band], 0.5, "mlp")):
        now = t2.grade(handle, TASKS, 40)
    assert data.cut == {name: now[name] for name in TASKS}
    told = "all singular values" if band == "all of them" else band
    assert told in panel.sentence(data).lower() and "question" in str(panel.table(data))
    asked, said, says = data.example["sum"]
    assert ("still answered" in panel.sentence(data)) == (said == says) and asked in panel.sentence(data)
    monkeypatch.setattr(labkit, "load", {"toy/skills": handle}.__getitem__)
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["now"].right == now.right
    panel.restore()
    assert panel.data.cut == panel.data.intact and "Nothing is changed" in panel.sentence(panel.data)
    figure = new_figure(panel.size)
    panel.draw(data, figure)
    assert len(png(figure)) > 5000
    with pytest.raises(BadInput):
        panel.set(factor=3.0)
    panel.page.fields["factor"].widget.value = 0.0
    assert panel.state.factor == 0.0 and panel.data.cut["sum"] <= 1
    panel.close()


def test_the_mixer_measures_the_chosen_shares(handle, bank):
    panel = labkit.MixerPanel(handle, bank=bank)
    panel.set(target="more digits", first=1.0, second=0.5)
    wanted = t2.mixture_scores(handle, [bank["math"], bank["text"]], ("max5",), (1.0, 0.5), 200)
    assert panel.data.now == wanted and panel.data.map is None and "max5" in panel.sentence(panel.data)
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert len(png(figure)) > 4000 and "now" in str(panel.table(panel.data))
    compile(panel.code(panel.state), "code", "exec")
    panel.page.fields["second"].widget.value = 1.5
    assert panel.state.second == 1.5
    panel.close()


def test_the_counts_of_the_paper_agree_and_the_fifth_does_not():
    found = claims.counts_agree(n=5, seeds=[0])
    assert all(abs(value) <= 0.005 for value in found.values[:4]) and abs(found.values[4]) > 0.02


def test_a_base_is_a_function_of_its_seed():
    made = [training.train_base(seed, steps=1) for seed in (3, 3, 4)]
    first, again, other = (one.trunk.blocks[0].mlp.mixer.up.weight for one in made)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert float(training.BASE.build(0).trunk.blocks[2].mlp.mixer.down.weight.detach().std()) == pytest.approx(
        0.1, rel=0.05
    )
