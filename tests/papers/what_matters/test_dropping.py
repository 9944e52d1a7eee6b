"""Strategies: what they choose, that iterative scores the model as cut, and that the oracle is the plain loss."""

import math

import pytest
import torch
from families import ids_of, make

from labkit import load, world
from labkit.anatomy import anatomy_of, fingerprint
from labkit.base.errors import BadInput, UnknownName
from labkit.figures import describe, draw
from labkit.interventions import DropAttention, DropBlock, DropMLP, Plan, ScaleWeight, apply, edit, shrink
from labkit.measurements import difference, loss
from labkit.measurements.ranks import agreement, ranks, spearman
from labkit.papers.what_matters.experiments.race import race
from labkit.papers.what_matters.method.dropping import consecutive, iterative, one_shot
from labkit.papers.what_matters.method.metrics import Cosine, RandomOrder, RelativeMagnitude, ReverseOrder
from labkit.sweeps import LeaveOneOut, score_agreement, sweep, zeroing_agreement

TEXT = [ids_of(length, seed=number)[0] for number, length in enumerate((7, 9, 7, 8))]
DROPS = {"attention": DropAttention, "mlp": DropMLP, "block": DropBlock}


def plan_of(keys):
    return Plan(DROPS[part](layer) for part, layer in keys)


@pytest.fixture(scope="module", params=["labkit", "gpt_neox"])
def model(request):
    return make(request.param, depth=4)


@pytest.mark.parametrize("part", ["attention", "mlp", "block", "joint"])
def test_one_shot_takes_the_lowest_and_iterative_begins_with_it(model, part):
    before = fingerprint(model)
    plan = one_shot(model, TEXT, 3, part)
    assert plan == plan_of(Cosine()(model, TEXT).ranked(part)[:3])
    assert iterative(model, TEXT, 1, part) == Plan(plan.edits[:1])
    assert one_shot(model, TEXT, 0, part) == iterative(model, TEXT, 0, part) == Plan()
    assert fingerprint(model) == before


@pytest.mark.parametrize("part", ["mlp", "joint"])
def test_iterative_scores_are_those_of_a_model_rebuilt_without_the_dropped_parts(model, part):
    plan, gone = iterative(model, TEXT, 3, part), []
    for chosen in plan:
        rest = shrink(model, Plan(gone))
        assert plan_of(Cosine()(rest, TEXT).ranked(part)[:1]) == Plan(chosen)
        gone.append(chosen)


def test_iterative_runs_the_other_half_of_a_block_it_has_dropped_from():
    """The official loop skips the whole block of a dropped sub-layer while scoring; later scores are then wrong."""
    model = make("labkit", depth=4)
    # An MLP that turns the stream behind a first attention that is dropped at once.
    model = apply(model, ScaleWeight("layers.0.attn.o", 1e-3), ScaleWeight("layers.0.mlp.down", 30.0))
    first, second = iterative(model, TEXT, 2, "attention")
    assert first == DropAttention(0)
    small = Cosine()(shrink(model, first), TEXT)
    skipped = Cosine()(shrink(model, DropBlock(0)), TEXT)
    order = [layer for _, layer in small.ranked("attention")]
    assert second == DropAttention(order[0])
    assert [s.value for s in small.attention[1:]] != pytest.approx([s.value for s in skipped.attention[1:]], rel=0.01)


def test_joint_is_attention_drop_until_an_mlp_scores_lower_and_ends_with_everything(model):
    names = [name for name in anatomy_of(model).addresses() if ".attn.o" in name]
    quiet = apply(model, *(ScaleWeight(name, 1e-3) for name in names))
    scores = Cosine()(quiet, TEXT)
    assert max(one.value for one in scores.attention) <= min(one.value for one in scores.mlp)
    for n in range(5):
        assert one_shot(quiet, TEXT, n, "joint") == one_shot(quiet, TEXT, n, "attention")
    assert {str(edit) for edit in one_shot(model, TEXT, 8, "joint")} == {
        str(kind(layer)) for kind in (DropAttention, DropMLP) for layer in range(4)
    }


def test_consecutive_blocks(model):
    assert consecutive(model, TEXT, 1) == one_shot(model, TEXT, 1, "block")
    two = [edit.layer for edit in consecutive(model, TEXT, 2, angular=True)]
    assert two[1] == two[0] + 1
    assert [edit.layer for edit in consecutive(model, TEXT, 4)] == [0, 1, 2, 3]
    assert consecutive(model, TEXT, 0) == Plan()


def test_leave_one_out_is_the_loss_without_each_part(model):
    oracle, intact = LeaveOneOut()(model, TEXT), loss(model, TEXT)
    for part, drop in DROPS.items():
        for layer in range(4):
            with edit(model, drop(layer)):
                wanted = difference(loss(model, TEXT), intact)
            assert oracle.of(part)[layer].value == pytest.approx(wanted.value, abs=2e-6)
            assert oracle.of(part)[layer].per_unit == pytest.approx(wanted.per_unit, abs=2e-6)
    assert LeaveOneOut(parts=("mlp",))(model, TEXT).attention == (None,) * 4


def test_greedy_by_loss_takes_the_cheapest_next_drop():
    model, gone = make("labkit", depth=3), []
    plan = iterative(model, TEXT, 2, "joint", LeaveOneOut())
    for chosen in plan:
        left = [kind(i) for kind in (DropAttention, DropMLP) for i in range(3) if kind(i) not in gone]
        with edit(model, *gone):
            cheapest = min(sweep(model, left, TEXT).points, key=lambda point: point.value)
        assert str(chosen) == cheapest.label
        gone.append(chosen)


def test_other_metrics_give_other_plans_and_every_plan_is_a_file(model, tmp_path):
    plans = [one_shot(model, TEXT, 3, "joint", metric)
             for metric in (ReverseOrder(), RelativeMagnitude(), RandomOrder(3), Cosine(skip=1))]  # fmt: skip
    for number, plan in enumerate(plans):
        plan.save(tmp_path / f"{number}.toml")
        assert Plan.load(tmp_path / f"{number}.toml") == plan and len(set(plan)) == 3
    assert plans[0].edits[0] == DropAttention(3)
    assert one_shot(model, None, 2, "mlp", RandomOrder(3)) == one_shot(model, None, 2, "mlp", RandomOrder(3))


def test_what_cannot_be_chosen_is_told(model):
    for n, part in ((5, "attention"), (9, "joint"), (-1, "mlp"), (True, "mlp"), (5, "block")):
        with pytest.raises(BadInput, match="cannot be dropped by the strategy"):
            one_shot(model, TEXT, n, part)
    with pytest.raises(UnknownName, match="strategy"):
        iterative(model, TEXT, 1, "atention")
    with pytest.raises(BadInput, match="no documents"):
        one_shot(model, [], 1)


def test_rank_correlation_is_the_textbooks():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(30, generator=generator).tolist()
    y = [value + noise for value, noise in zip(x, torch.randn(30, generator=generator).tolist())]
    found = spearman(x, y)
    d = ranks(torch.tensor(x).numpy()) - ranks(torch.tensor(y).numpy())
    assert found.value == pytest.approx(1 - 6 * float((d**2).sum()) / (30 * (30**2 - 1)))  # no ties
    assert found.low < found.value < found.high and found.null == 0
    assert sum(found.per_unit) / 30 == pytest.approx(found.value)
    assert spearman(x, [value**3 for value in x]).value == 1
    half = 1.959964 * math.sqrt((1 + found.value**2 / 2) / 27)
    assert found.low == pytest.approx(math.tanh(math.atanh(found.value) - half), abs=1e-6)
    four = spearman([1, 2, 3, 4], [1, 2, 3, 4])
    assert four.value == four.high == 1 and not four.excludes(0)  # four in order prove little
    assert spearman([1, 1, 2, 3], [1, 1, 2, 3]).value == pytest.approx(1)
    assert ranks(torch.tensor([5.0, 1.0, 5.0]).numpy()).tolist() == [1.5, 0.0, 1.5]
    for bad in (
        [[1, 2, 3]] * 2,
        [[1, 2, 3, 4], [1, 2]],
        [[1, 1, 1, 1], [1, 2, 3, 4]],
        [[1, 2, 3, math.nan], [1, 2, 3, 4]],
    ):
        with pytest.raises(BadInput):
            spearman(*bad)


def test_agreement_of_scores_with_the_oracle_draws(model):
    found = score_agreement(Cosine()(model, TEXT), LeaveOneOut()(model, TEXT), "joint")
    assert len(found.labels) == 8 and set(found.kinds) == {"attention", "mlp"} and found.correlation.n == 8
    assert draw(found).axes and "rank correlation" in describe(found) and "mlp 0" in found.table()
    # Two groups that lie apart correlate over all without any order inside.
    guess, truth = [1, 2, 3, 4, 11, 12, 13, 14], [4, 1, 2, 3, 14, 11, 12, 13]
    apart = agreement(guess, truth, "abcdefgh", list("xxxxyyyy"))
    assert apart.correlation.value > 0.7
    assert [one.value for one in apart.within.values()] == pytest.approx([-0.2, -0.2])
    assert "inside x -0.2" in describe(apart).replace("−", "-") and "y: rank correlation -0.2" in apart.table()
    with pytest.raises(BadInput, match="labels"):
        agreement([1, 2, 3, 4], [1, 2, 3, 4], ["a"])


def test_estimates_of_single_weights_beside_the_exact_answer():
    model = make("labkit", depth=2)
    found = zeroing_agreement(model, TEXT, n=12)
    assert found.kinds.count("highest") == 6 and len(set(found.labels)) == 12 and found.correlation.over == "weights"
    intact = loss(model, TEXT)
    with edit(model, Plan(ScaleWeight(found.labels[0], 0.0))):
        change = difference(loss(model, TEXT), intact).value
    assert found.truth[0] == pytest.approx(change, abs=2e-6)
    with pytest.raises(BadInput, match="each once"):
        zeroing_agreement(model, TEXT, ["final_norm[0]", "final_norm[0]", "final_norm[1]", "final_norm[2]"])


def test_a_race_measures_every_plan_cut_short(model):
    names = ("attention", "mlp", "joint")
    plans = {name: one_shot(model, TEXT, 3, name) for name in names}
    plans["random"] = [one_shot(model, TEXT, 3, "joint", RandomOrder(seed)) for seed in range(3)]
    found, intact = race(model, plans, TEXT, counts=[3, 0, 1]), loss(model, TEXT)
    assert found.counts == (0, 1, 3) and found.base.value == pytest.approx(intact.value, abs=2e-6)
    for name in names:
        assert found.lines[name][0].value == 0
        with edit(model, plans[name]):
            wanted = difference(loss(model, TEXT), intact).value
        assert found.lines[name][2].value == pytest.approx(wanted, abs=2e-6)
    last = found.lines["random"][2]
    assert last.n == 3 and last.over == "orders" and last.low < last.value < last.high
    assert draw(found).axes and "random" in describe(found) and "joint" in found.table()
    for bad in ({"counts": [4]}, {"counts": []}, {"counts": [-1]}):
        with pytest.raises(BadInput, match="A race of"):
            race(model, plans, TEXT, **bad)


def test_on_the_shipped_model_the_cosine_beats_random_orders():
    handle = load("lab/tiny")
    stories = [ids[:64] for ids in handle.encode_documents([s.text for s in world.documents("stories", 8, 5, "test")])]
    plans = {
        "cosine": one_shot(handle, stories, 3, "joint"),
        "random": [one_shot(handle, stories, 3, "joint", RandomOrder(seed)) for seed in range(5)],
    }
    found = race(handle, plans, stories, counts=[2, 3])
    for cosine, random in zip(found.lines["cosine"], found.lines["random"]):
        assert cosine.value < random.value
