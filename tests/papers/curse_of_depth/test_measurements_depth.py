"""What paper 08 measures: angles, Jacobians, gradients, effective depth, and its theory followed by a computer."""

import math

import pytest
import torch
from families import VOCAB, ids_of, make

from labkit.anatomy import anatomy_of, fingerprint, record
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import DropBlock, edit
from labkit.measurements import loss
from labkit.papers.curse_of_depth.method.distances import angular_distance, angular_distances, relative_updates
from labkit.papers.curse_of_depth.method.gradients import gradient_norms, weight_changes
from labkit.papers.curse_of_depth.method.jacobian import (
    block_jacobian,
    block_jacobians,
    diagonal_share,
    distance_from_identity,
)
from labkit.papers.curse_of_depth.method.placements import LayerNormScaling, PostNorm, PreNorm, ReZero
from labkit.papers.curse_of_depth.method.theory import (
    check_theorems,
    gradient_bound,
    independent_variance,
    theory_curves,
    variance_recursion,
)
from labkit.sweeps import effective_depth, every_block, pruning_curve, sweep

SIZES = {"vocab": VOCAB, "width": 8, "depth": 3, "heads": 2, "kv_heads": 1, "ffn": 12, "context": 64, "init_std": 0.4}
TEXTS = [ids_of(length, seed)[0].tolist() for seed, length in enumerate((7, 5, 9, 7))]


def built(kind=PreNorm, seed=0, **more):
    return kind(**{**SIZES, **more}).build(seed).eval()


# ------------------------------------------------------------------------------------------------------------ angles


def test_the_angle_is_what_an_angle_is():
    a, b = torch.randn(2, 50, 16, generator=torch.Generator().manual_seed(0))
    plain = torch.arccos(torch.nn.functional.cosine_similarity(a.double(), b.double(), dim=-1)) / math.pi
    found = angular_distance(a, b)
    assert torch.allclose(found, plain, atol=1e-12)
    assert torch.allclose(found, angular_distance(b, a)) and torch.allclose(found, angular_distance(3e-9 * a, 7e8 * b))
    assert float(angular_distance(a, a).abs().max()) <= 1e-9
    assert torch.allclose(angular_distance(a, -a), torch.ones(50).double())
    assert float(angular_distance(torch.tensor([1.0, 0]), torch.tensor([0, 2.0]))) == pytest.approx(0.5)
    zero = torch.zeros(16)
    assert float(angular_distance(a[0], zero)) == pytest.approx(0.5) and float(angular_distance(zero, zero)) == 0.0


def test_angles_between_all_blocks_are_those_of_the_recorded_streams():
    model = built()
    found = angular_distances(model, TEXTS)
    assert [len(row) for row in found.value] == [3, 2, 1] and found.depth == 3 and found.n == 4
    sites = ["embed", "layers.0", "layers.1", "layers.2"]
    streams = [record(model, text, sites) for text in TEXTS]
    for n in range(1, 4):
        for l in range(4 - n):
            each = [angular_distance(s[sites[l]][0], s[sites[l + n]][0]) for s in streams]
            assert found.value[n - 1][l] == pytest.approx(sum(float(a.mean()) for a in each) / 4)
    assert found.low[0][1] <= found.value[0][1] <= found.high[0][1]
    assert [e.value for e in found.adjacent] == pytest.approx(list(found.value[0]))
    last = angular_distances(model, TEXTS, tokens="last")
    angle = angular_distance(streams[0]["embed"][0, -1], streams[0]["layers.0"][0, -1])
    assert last.adjacent[0].per_unit[0] == pytest.approx(float(angle))
    skipped = angular_distances(model, TEXTS, skip=2)
    assert skipped.value != found.value
    assert all(min(row) == 0 and max(row) == 1 for row in found.row_normalised()[:2])
    assert "from block" in found.table() and found.as_dict()["n"] == 4


def test_blocks_that_write_nothing_do_not_turn_or_move_the_stream():
    model = built(ReZero)  # at first
    assert all(value <= 1e-9 for row in angular_distances(model, TEXTS).value for value in row)
    assert all(value == 0 for value in relative_updates(model, TEXTS).values())
    with edit(built(), DropBlock(1)) as cut:
        assert [value > 0 for value in relative_updates(cut, TEXTS).values()] == [True, False, True]


def test_at_initialisation_scaling_moves_deep_blocks_less():
    sizes = {"width": 32, "heads": 2, "kv_heads": 2, "ffn": 48, "depth": 12, "init_std": 32**-0.5, "embed_std": 1.0}
    pre, scaled = (relative_updates(built(kind, **sizes), TEXTS).values() for kind in (PreNorm, LayerNormScaling))
    assert pre[0] == pytest.approx(scaled[0]) and scaled[-1] < 0.7 * pre[-1]


# --------------------------------------------------------------------------------------------------------- Jacobians


def by_differences(model, ids, layer, position, step=1e-5):
    """Return the Jacobian of one of our blocks, channel by channel, by central differences."""
    state = model.begin(ids)
    with torch.no_grad():
        for block in list(model.trunk.blocks)[:layer]:
            state = block(state)
        columns = []
        for channel in range(model.config.width):
            ends = []
            for sign in (1, -1):
                moved = state.stream.clone()
                moved[0, position, channel] += sign * step
                ends.append(model.trunk.blocks[layer](state.with_stream(moved)).stream[0, position])
            columns.append((ends[0] - ends[1]) / (2 * step))
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("kind", [PreNorm, PostNorm, LayerNormScaling])
def test_the_jacobian_is_what_finite_differences_give(kind):
    model = built(kind).double()
    before = fingerprint(model)
    for layer, position in ((0, 3), (2, -1)):
        found = block_jacobian(model, TEXTS[0], layer, position)
        expected = by_differences(model, torch.tensor([TEXTS[0]]), layer, position % len(TEXTS[0]))
        assert float((found - expected).norm() / expected.norm()) <= 1e-6
    assert fingerprint(model) == before


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "gpt_neox"])
def test_a_jacobian_predicts_what_a_small_push_does_in_any_family(family):
    model = make(family).double()
    ids, layer = TEXTS[0], 1
    push = 1e-3 * torch.randn(8, generator=torch.Generator().manual_seed(1)).double()
    ends = []
    for sign in (1, -1):

        def add(module, args, output, sign=sign):
            stream = (output[0] if isinstance(output, tuple) else output).clone()
            stream[0, 4] += sign * push
            return (stream, *output[1:]) if isinstance(output, tuple) else stream

        handle = anatomy_of(model).blocks[layer - 1].module.register_forward_hook(add)
        ends.append(record(model, ids, [f"layers.{layer}"])[f"layers.{layer}"][0, 4])
        handle.remove()
    predicted = block_jacobian(model, ids, layer, 4) @ (2 * push)
    assert float((ends[0] - ends[1] - predicted).norm() / predicted.norm()) <= 1e-3


def test_a_block_without_output_is_the_identity():
    model = built(init="zero")
    jacobian = block_jacobian(model, TEXTS[0], 1)
    assert float((jacobian - torch.eye(8)).abs().max()) <= 1e-7
    assert distance_from_identity(jacobian) <= 1e-7 and diagonal_share(jacobian) == pytest.approx(1)
    assert distance_from_identity(3 * torch.eye(5)) == pytest.approx(2)
    assert diagonal_share(torch.ones(5, 5)) == pytest.approx(0.2) and diagonal_share(torch.zeros(2, 2)) == 0
    found = block_jacobians(built(), TEXTS[:2], positions=(0, -1))
    both = [distance_from_identity(block_jacobian(built(), TEXTS[0], 2, at)) for at in (0, -1)]
    assert found.lines["|J - I| / |I|"][2].per_unit[0] == pytest.approx(sum(both) / 2)
    with pytest.raises(BadInput, match="no position 9"):
        block_jacobian(model, TEXTS[0], 1, 9)
    with pytest.raises(BadInput, match="no layer 3"):
        block_jacobian(model, TEXTS[0], 3)


# --------------------------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize(("kind", "tie"), [(PreNorm, True), (PostNorm, False)])
def test_gradient_norms_are_those_of_backward_and_leave_nothing(kind, tie):
    model = built(kind, tie=tie)
    before = fingerprint(model)
    found = gradient_norms(model, TEXTS[:2])
    assert fingerprint(model) == before and all(p.grad is None for p in model.parameters())
    ids = torch.tensor([TEXTS[1]])
    model(ids, labels=ids).loss.backward()
    for which in ("attention", "mlp"):
        squares = [p.grad.square().sum() for p in getattr(model.trunk.blocks[1], which).parameters()]
        assert found.lines[which][1].per_unit[1] == pytest.approx(float(sum(squares)) ** 0.5, rel=1e-4)
    state = model.trunk(model.begin(ids))
    stream = state.stream.detach().requires_grad_()
    losses = torch.nn.functional.cross_entropy(model.finish(state.with_stream(stream))[0, :-1], ids[0, 1:])
    losses.backward()
    assert found.lines["stream"][2].per_unit[1] == pytest.approx(float(stream.grad.norm()), rel=1e-4)


def test_gradient_norms_of_hub_families_frozen_or_not():
    for family in ("llama", "gpt2", "phi3"):
        model = make(family).requires_grad_(False)
        before = fingerprint(model)
        found = gradient_norms(model, TEXTS[:1])
        assert all(value > 0 for name in found.lines for value in found.values(name))
        assert fingerprint(model) == before


def test_weight_changes_are_relative():
    old, new = built(), built()
    with torch.no_grad():
        for parameter in new.trunk.blocks[1].mlp.parameters():
            parameter.mul_(1.5)
    found = weight_changes(old, new)
    assert found.values("mlp") == pytest.approx((0, 0.5, 0)) and found.values("attention") == (0, 0, 0)
    assert math.isnan(found.lines["mlp"][1].low) and "layer" in found.table()
    with pytest.raises(BadInput, match="different weights"):
        weight_changes(old, built(depth=2))


# --------------------------------------------------------------------------------------------------- effective depth


def test_the_pruning_curve_is_the_loss_without_each_block_and_its_depth_counts_the_costly_ones():
    model = built()
    with torch.no_grad():
        for branch in model.trunk.blocks[1].branches:
            (branch.mixer.o if hasattr(branch.mixer, "o") else branch.mixer.down).weight.zero_()
    curve = pruning_curve(model, TEXTS)
    for layer in range(3):
        with edit(model, DropBlock(layer)):
            assert curve[DropBlock(layer)].value == pytest.approx(loss(model, TEXTS).value, abs=1e-5)
    depth = effective_depth(curve, threshold=1e-4)
    costly = [point.change.value > 1e-4 for point in curve.points]
    assert costly[1] is False and 1 in depth.idle
    assert depth.share.value == pytest.approx(sum(costly) / 3) and depth.share.n == 3
    assert sorted(depth.working + depth.idle + depth.unclear) == [0, 1, 2]
    assert effective_depth(curve, threshold=100.0).idle == (0, 1, 2)
    assert effective_depth(curve, threshold=-100.0).working == (0, 1, 2)
    assert "costs no more" in depth.table() and depth.as_dict()["unit"] == "nats/token"


def test_effective_depth_wants_a_pruning_curve():
    model = built(depth=1)
    assert effective_depth(pruning_curve(model, TEXTS)).share.n == 1
    pairs = sweep(built(), [[*plan, DropBlock(2)] for plan in every_block(built())[:2]], TEXTS)
    with pytest.raises(BadInput, match="no pruning curve"):
        effective_depth(pairs)


# ------------------------------------------------------------------------------------------------------------ theory


def test_the_lemmas_recursions_grow_as_a_quarter_of_the_square_and_as_the_number_itself():
    assert variance_recursion(100)[-1] / 100**2 == pytest.approx(0.245, abs=5e-4)
    assert variance_recursion(1000)[-1] / 1000**2 == pytest.approx(0.249, abs=5e-4)
    assert variance_recursion(1000, 0.5) == pytest.approx(range(1, 1001), rel=1e-9)
    assert independent_variance(5) == pytest.approx([1, 2, 3, 4, 5])
    assert independent_variance(4, 0.5) == pytest.approx([1, 2, 2.5, 2.5 + 1 / 3])
    assert independent_variance(3, 0.5, power=2) == pytest.approx([1, 2, 2.25])


def test_the_printed_bound_converges_where_the_paper_says_it_grows():
    numbers = torch.arange(1, 100_001).double().numpy()
    assert gradient_bound(numbers, 1.0)[-1] == pytest.approx(2.8, abs=0.05)
    assert gradient_bound(numbers**1.5, 1.0)[-1] == pytest.approx(2.1, abs=0.05)
    assert gradient_bound(numbers[:1], 0.0, a=2.0, b=3.0)[0] == pytest.approx(math.log(6))
    checks = check_theorems()
    assert [check.holds for check in checks] == [False, True, False, True, False, False, False, True]
    assert all(f"({check.number:.4g})" in str(check) for check in checks)


def test_the_theorys_curves():
    for quantity in ("variance", "gradient"):
        curves = theory_curves(64, quantity)
        assert all(len(line) == 64 for line in curves.lines.values()) and len(curves.lines) == 4
        assert curves.table().count("\n") == 2 + 7
    assert theory_curves(1).table()
    for wrong in (lambda: theory_curves(0), lambda: theory_curves(4, "loss"), lambda: check_theorems(10)):
        with pytest.raises(BadInput):
            wrong()


def test_wrong_requests():
    with pytest.raises(UnknownName, match="choice of tokens"):
        angular_distances(built(), TEXTS, tokens="first")
    with pytest.raises(BadInput, match="skip"):
        relative_updates(built(), TEXTS, skip=-1)
    with pytest.raises(BadInput, match="at least 7"):
        angular_distances(built(), TEXTS, skip=6)
