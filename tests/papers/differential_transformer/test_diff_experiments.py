"""The experiments on small models: what must add up, what must agree, what must come undone."""

import math

import pytest
import torch

from labkit import figures
from labkit.anatomy import fingerprint
from labkit.base.errors import LabkitError
from labkit.interventions import edit
from labkit.papers.differential_transformer import training
from labkit.papers.differential_transformer.experiments import (
    QuantiseScores,
    allocate,
    context_size,
    depth_grid,
    find_needles,
    head_sizes,
    large_activations,
    look_at_text,
    map_gradients,
    operate_on_lambda,
    order_margin,
    question_maps,
    shared_noise,
    throughput,
    two_microphones,
)
from labkit.papers.differential_transformer.experiments.activations import absmax
from labkit.papers.differential_transformer.experiments.allocation import place_marks
from labkit.papers.differential_transformer.experiments.arm_names import arm_name, arms_table
from labkit.papers.differential_transformer.experiments.arms import Arms, compare_arms, rates_tried
from labkit.papers.differential_transformer.experiments.map_pairs import map_pair
from labkit.papers.differential_transformer.experiments.microphones import best_lambda, noise_left
from labkit.papers.differential_transformer.experiments.orders import reordered
from labkit.papers.differential_transformer.figures.maps import share_bars
from labkit.papers.differential_transformer.figures.surgery import grid_lines, lambda_lines
from labkit.papers.differential_transformer.method import SetLambda
from labkit.papers.differential_transformer.task import Needles
from labkit.papers.differential_transformer.training import ARMS, answer_loss, build, train_one
from labkit.training import Runs, next_rate

BATCH = Needles().draw(12, 5)


@pytest.fixture(scope="module")
def diff():
    return build("diff", 3).eval()


@pytest.fixture(scope="module")
def plain():
    return build("softmax 8×8", 3).eval()


def test_shares_add_up_to_one_and_agree_where_nothing_is_negative(plain):
    found = allocate(plain, BATCH)
    for rows in (found.signed, found.absolute):
        assert all(math.isclose(sum(row), 1.0, abs_tol=1e-5) for row in rows)
    assert torch.allclose(torch.tensor(found.signed), torch.tensor(found.absolute))
    assert set(found.negative) == {0.0}


def test_signed_and_absolute_shares_part_where_weights_are_negative(diff):
    with edit(diff, SetLambda(0.8)):
        found = allocate(diff, BATCH)
    assert min(found.negative) > 0.2
    assert all(math.isclose(sum(row), 1.0, abs_tol=1e-4) for row in (*found.signed, *found.absolute))
    assert not torch.allclose(torch.tensor(found.signed), torch.tensor(found.absolute), atol=1e-2)


def test_random_scores_show_how_signed_sums_flatter():
    """With unstructured scores and λ = 0.8 a row adds up to 0.2, its sizes to 0.94, and 44 % are negative."""
    random = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 200, 1000, generator=random).softmax(-1)
    used = first - 0.8 * second
    assert used.sum(-1).mean() == pytest.approx(0.2, abs=1e-3)
    assert used.abs().sum(-1).mean() == pytest.approx(0.94, abs=0.02)
    assert (used < 0).float().mean() == pytest.approx(0.44, abs=0.02)


def test_every_token_a_question_may_read_is_in_one_place():
    marks = place_marks(BATCH)
    assert torch.equal(marks.sum(0), torch.ones_like(marks[0]))
    assert marks[0].sum() == BATCH.answers.numel()
    assert marks[1].sum() / BATCH.answers.numel() == 2 * 6 - 1


def test_the_maps_of_questions_are_those_of_the_whole_pass(diff):
    first, second, used = question_maps(diff, BATCH)
    lam = diff.trunk.blocks[0].attention.mixer.lam()
    assert torch.allclose(used, first - lam * second) and torch.allclose(first.sum(-1), torch.ones(()), atol=1e-5)


def test_surgery_leaves_the_model_as_it_was(diff):
    mark = fingerprint(diff)
    own = diff.trunk.blocks[0].attention.mixer.lam().item()
    found = operate_on_lambda(diff, BATCH, [own, 0.0, 1.0])
    assert found.found[0].nats == pytest.approx(found.intact.nats, abs=1e-5)
    assert found.own == pytest.approx(own) and fingerprint(diff) == mark
    bare = operate_on_lambda(diff, BATCH, [own], norm=False)
    assert bare.found[0].nats != pytest.approx(found.intact.nats, abs=1e-3)
    assert fingerprint(diff) == mark


@pytest.mark.parametrize("arm", ["softmax 4×16", "normed 4×16", "diff", "diff, no norm"])
def test_many_bits_change_nothing_and_few_do(arm):
    model = build(arm, 2).eval()
    mark, before = fingerprint(model), find_needles(model, BATCH).nats
    with edit(model, QuantiseScores(16)):
        assert find_needles(model, BATCH).nats == pytest.approx(before, abs=1e-3)
    with edit(model, QuantiseScores(2)):
        assert find_needles(model, BATCH).nats != pytest.approx(before, abs=1e-3)
    assert find_needles(model, BATCH).nats == before and fingerprint(model) == mark


def test_absmax_rounds_by_what_is_seen_alone():
    scores = torch.randn(50, 50, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(absmax(scores, 16), scores, atol=1e-4 * float(scores.abs().max()))
    hidden = scores.clone()
    hidden[0, 0] = 1e9
    seen = torch.ones(50, 50, dtype=torch.bool)
    seen[0, 0] = False
    step = float(scores[seen].abs().max()) / 7
    assert ((absmax(hidden, 4, seen) - hidden).abs()[seen] <= step / 2 + 1e-6).all()
    with pytest.raises(LabkitError, match="2 to 16"):
        QuantiseScores(1)


def test_large_activations_are_in_order_and_of_both_maps(diff, plain):
    for model in (diff, plain):
        found = large_activations(model, BATCH)
        assert list(found.scores) == sorted(found.scores, reverse=True)
        assert found.scores[0] > found.median_score > 0 and "top-100" in found.table()


def test_a_text_of_ones_own(diff):
    look = look_at_text(diff, "rain Alburg 17 on old Bordale 5 light ? Alburg")
    assert look.words[-1] == "Alburg" and len(look.weights) == 4 and len(look.maps) == 2
    assert sum(look.shares(signed=True)) == pytest.approx(1, abs=1e-4)
    assert sum(look.shares(signed=False)) == pytest.approx(1, abs=1e-4)
    assert look.answer.isdigit()
    with pytest.raises(LabkitError, match="no word of this language"):
        look_at_text(diff, "Paris 17 ? Paris")
    with pytest.raises(LabkitError, match="tokens long"):
        look_at_text(diff, "rain " * 1100 + "Alburg")


def test_a_text_longer_than_the_context_is_refused(diff):
    with pytest.raises(LabkitError, match="at most 1024"):
        find_needles(diff, Needles(length=1100).draw(1, 1))


def test_noise_of_two_microphones_is_what_the_formula_says():
    for shared, own, lam in ((1.0, 0.0, 1.0), (1.0, 0.5, 0.8), (0.5, 1.0, 0.3)):
        heard = two_microphones(shared=shared, own=own, lam=lam, samples=200_000)
        assert heard.noise == pytest.approx(noise_left(shared=shared, own=own, lam=lam), abs=0.01)
    best = best_lambda(shared=1.0, own=0.5)
    assert best == pytest.approx(0.8)
    around = [noise_left(shared=1.0, own=0.5, lam=best + step) for step in (-0.05, 0.0, 0.05)]
    assert around[1] == min(around)
    with pytest.raises(LabkitError):
        two_microphones(shared=-1.0, own=0.0, lam=1.0)
    with pytest.raises(LabkitError):
        two_microphones(shared=1.0, own=0.0, lam=math.nan)


def test_pictures_describe_what_they_show(diff, plain):
    both = {"softmax": allocate(plain, BATCH), "DIFF": allocate(diff, BATCH)}
    grid = depth_grid(diff, depths=(0.0, 1.0), lengths=(64,), texts=4)
    arms = Arms("nats", "nats an answer", "Loss", {"diff": {1: 0.5, 2: 0.6}, "softmax 8×8": {1: 1.0, 2: 1.2}},
                {"diff": 4e-3, "softmax 8×8": 8e-3})  # fmt: skip
    assert arms.difference("diff", "softmax 8×8").value == pytest.approx(0.55)
    for picture in (
        share_bars(both, title="Where?"),
        lambda_lines({"own": operate_on_lambda(diff, BATCH, [0.0, 1.0])}, title="By λ"),
        grid_lines({"DIFF": grid}, title="By depth"),
        two_microphones(shared=1.0, own=0.1, lam=0.5),
        arms,
    ):
        assert figures.png(figures.draw(picture)) and len(figures.describe(picture)) > 40
    assert "128" not in grid.table()


def test_signed_and_absolute_shares_stand_beside_each_other(diff, plain):
    both = {"softmax": allocate(plain, BATCH), "DIFF": allocate(diff, BATCH)}
    drawn = share_bars(both, title="Where?", places=("noise",))
    assert drawn.labels == ["noise: softmax", "noise: DIFF"]
    for kind, found in drawn.groups.items():
        assert found == [one.share("noise", signed=kind == "signed").value for one in both.values()]
    assert drawn.groups["signed"][0] == pytest.approx(drawn.groups["absolute"][0])  # a softmax has no negative weight


def test_arms_are_named_and_tabled_as_in_the_lesson():
    assert arm_name("diff") == "DIFF" and arm_name("softmax 8×8") == "softmax 8×8"
    assert len({arm_name(arm) for arm in ARMS}) == len(ARMS)
    kept, learned = arms_table(["diff, λ = −1", "diff"], {"λ": "lambda"}).splitlines()[2:]
    assert kept.split()[-1] == "−1.000" and learned.startswith("DIFF ")
    assert learned.split()[-1] == f"{compare_arms('lambda', ['diff']).mean('diff').value:.3f}".replace("-", "−")
    drawn = figures.describe(compare_arms("right, harder", ["diff", "diff, λ frozen"]))
    assert "DIFF, λ kept at 0.2 0." in drawn and drawn.startswith("Twice the text")


@pytest.mark.parametrize("arm", list(ARMS))
def test_every_arm_can_be_trained(arm):
    model, found = train_one(arm, 4e-3, 1, steps=2)
    assert math.isfinite(found["loss"]) and len(found["nats"]) == 1 and not found["diverged"]
    assert math.isfinite(answer_loss(model, BATCH).item())


def test_arms_are_alike_in_weights_and_read_the_same_texts():
    counts = {arm: sum(weight.numel() for weight in build(arm, 0).parameters()) for arm in ARMS}
    assert counts.pop("gated") == counts["softmax 8×8"] + 64 * 64
    assert max(counts.values()) - min(counts.values()) < 100
    first, second = (train_one("softmax 4×16", 4e-3, 9, steps=3)[1] for _ in range(2))
    assert first["loss"] == second["loss"]


def test_gradients_of_the_second_map_go_with_lambda(diff, plain):
    with edit(diff, SetLambda(0.0)):
        none = map_gradients(diff, BATCH)
    assert none["q2"] == none["k2"] == 0.0 < none["q1"]
    assert set(map_gradients(plain, BATCH)) == {"q", "k", "v", "o"}
    assert all(weight.grad is None for weight in diff.parameters())


def test_what_an_even_head_reads_shrinks_with_the_root_of_the_text():
    found = context_size((64, 1024))
    for n, one, two in zip(found.lengths, found.softmax, found.difference):
        assert one == pytest.approx(math.sqrt(math.e / n), rel=0.1)
        assert two == pytest.approx(math.sqrt((0.2**2 + (math.e - 1) * (1 + 0.8**2)) / n), rel=0.1)
    assert found.amplified[1] == pytest.approx(1 / found.difference[1]) and "1024" in found.table()


def test_sizes_of_heads_are_those_before_the_norm(diff):
    found = head_sizes(diff, BATCH)
    assert len(found) == 4 and all(0 < size < 3 for size in found)
    assert not diff.trunk.blocks[0].attention.mixer.norm._forward_pre_hooks


def test_every_form_is_timed():
    found = throughput(length=16, repeats=1)
    assert set(found) == {"softmax", "naive", "two fused", "four fused"} and min(found.values()) > 0


def test_two_equal_maps_share_all_their_noise_and_one_map_shares_none(plain):
    model = build("diff", 3).eval()
    mixer = model.trunk.blocks[0].attention.mixer
    before = shared_noise(model, BATCH)
    assert abs(before.correlation.value) < 0.9
    with torch.no_grad():
        for weight in (mixer.q.weight, mixer.k.weight):
            halves = weight.view(4, 2, 8, -1)
            halves[:, 1] = halves[:, 0]
    found = shared_noise(model, BATCH)
    assert found.correlation.value == pytest.approx(1, abs=1e-4)
    assert found.best_lambda.value == pytest.approx(1, abs=1e-4) and found.weight_1 == pytest.approx(found.weight_2)
    with pytest.raises(LabkitError, match="two"):
        shared_noise(plain, BATCH)


def test_another_order_moves_needles_and_their_answers(diff):
    task = Needles(needles=8, questions=3)
    batch = task.draw(4, 1)
    other = reordered(batch, torch.tensor([1, 2, 0, 3, 4, 5, 7, 6]))
    assert torch.equal(other.ids.gather(1, other.places), batch.answers)
    assert torch.equal(other.ids.gather(1, other.places - 1), batch.ids[:, batch.rows])
    assert torch.equal(other.ids.sort(1).values, batch.ids.sort(1).values) and not torch.equal(other.ids, batch.ids)
    assert torch.equal(reordered(batch, torch.arange(8)).ids, batch.ids)
    found = order_margin(diff, batch, orders=3)
    assert len(found.right) == 3 and found.margin >= 0 and "best minus worst" in found.table()


def test_training_goes_on_where_it_stopped_and_nobody_trains_twice(tmp_path, monkeypatch):
    trained, cells = [], [("diff", 4e-3, 0), ("diff", 4e-3, 1)]

    def once(arm, lr, seed):
        trained.append((arm, seed))
        training.train(cells[: 1 + seed], tmp_path)  # another process, while this run is made
        return build(arm, seed), {"right": 0.5, "loss": 1.0, "seconds": 0.1}

    monkeypatch.setattr(training, "train_one", once)
    monkeypatch.setattr(training, "runs_path", lambda: tmp_path / "measured.jsonl")
    training.train(cells[:1], tmp_path)
    assert trained == [("diff", 0)]
    training.train(cells, tmp_path)
    training.train(cells, tmp_path)
    assert trained == [("diff", 0), ("diff", 1)] and len(training.runs(tmp_path)) == 2
    assert torch.equal(training.load_run(*cells[1], tmp_path).embed.weight, build("diff", 1).embed.weight)
    assert not list(training.cells_of("main", tmp_path))  # the pilot runs are not all there


def test_rates_are_those_that_were_tried():
    assert {4e-3, 8e-3, 1.6e-2} <= set(rates_tried("diff")) and min(rates_tried("diff").values()) < 0.01
    with pytest.raises(LabkitError, match="magic"):
        rates_tried("magic")


@pytest.mark.parametrize("arm", training.ARMS)
def test_no_arm_stands_at_the_edge_of_its_rates(arm):
    assert next_rate(training.pilots_of(Runs(training.runs_path()), arm), training.RATES) is None


def test_a_picture_of_both_maps_names_the_answer(diff, plain):
    drawn = map_pair({"one": diff, "again": diff}, BATCH)
    first, second, _ = question_maps(diff, BATCH)
    place = int(BATCH.places[0, 0])
    assert drawn.answer == place and drawn.maps["one"][0][place] == pytest.approx(float(first[0, :, 0, place].mean()))
    assert not drawn.noise[place] and len(drawn.noise) == len(drawn.maps["again"][1]) == int(BATCH.rows[0]) + 1
    told = figures.describe(drawn)
    assert f"word {place}" in told and f"A2 gives the answer {float(second[0, :, 0, place].mean()):.2f}" in told
    assert figures.png(figures.draw(drawn))
    with pytest.raises(LabkitError, match="one map"):
        map_pair({"softmax": plain}, BATCH)


def test_noise_is_heard_and_repeats(diff):
    quiet, loud, again = (find_needles(diff, BATCH, noise=size, seed=3).nats for size in (0.0, 2.0, 2.0))
    assert loud == again != quiet and find_needles(diff, BATCH, noise=2.0, seed=4).nats != loud
    assert quiet == find_needles(diff, BATCH).nats


def test_scores_of_another_kind_of_softmax_are_not_rounded():
    model = build("sink", 1)
    with pytest.raises(LabkitError, match="Sink"), edit(model, QuantiseScores(4)):
        pass


@pytest.mark.parametrize("what", ["lambda", "without the second map"])
def test_what_only_two_maps_have_is_not_asked_of_one(what):
    assert compare_arms(what, ["diff"]).values["diff"]
    with pytest.raises(LabkitError, match="two maps"):
        compare_arms(what, ["diff", "softmax 8×8"])
