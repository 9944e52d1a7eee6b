"""Laws of what lesson 09 measures, on random small models, and its bookkeeping."""

import math

import numpy as np
import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput
from labkit.models import DecoderConfig
from labkit.papers.layer_integrated_memory.experiments import (
    bill,
    capture,
    circuits,
    cloud,
    edge_costs,
    entry_costs,
    losses,
    matrix_entropy,
    near_tokens,
    prune,
    read_working,
    routing_map,
    separability,
    solve,
    unseen,
    value_entropy,
)
from labkit.papers.layer_integrated_memory.experiments.table import steps_to
from labkit.papers.layer_integrated_memory.method import LIMe, LIMeOfStates, routers_of
from labkit.papers.layer_integrated_memory.task import row_length, tokenizer
from labkit.papers.layer_integrated_memory.training import Run, first_weights

SIZES = {"vocab": tokenizer().vocab_size, "width": 16, "depth": 3, "heads": 4, "ffn": 20, "tie": False}
ROWS = unseen(40, operands=3)


@pytest.fixture(scope="module")
def lime():
    return LIMe(**SIZES, context=row_length(3), init_std=0.3).build(1).eval()


@pytest.fixture(scope="module")
def plain():
    return DecoderConfig(**SIZES, context=row_length(3), init_std=0.3).build(1).eval()


def test_entropy_of_known_spectra():
    line = torch.outer(torch.arange(1.0, 7.0), torch.ones(5))[None]
    assert float(matrix_entropy(line)[0]) == pytest.approx(0.0, abs=1e-9)
    for alpha in (0.5, 1.0, 2.0):
        assert float(matrix_entropy(torch.eye(6)[None], alpha)[0]) == pytest.approx(math.log(6), abs=1e-9)


def test_entropy_laws():
    z = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
    orders = (0.25, 0.5, 1.0, 2.0, 4.0)
    values = torch.stack([matrix_entropy(z, alpha) for alpha in orders])
    assert (values <= math.log(5) + 1e-9).all() and (values[:-1] >= values[1:] - 1e-12).all()
    assert torch.allclose(matrix_entropy(7 * z @ turned), matrix_entropy(z), atol=1e-9)
    assert torch.allclose(matrix_entropy(z, 0.999), matrix_entropy(z, 1.0), atol=1e-3)
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(BadInput, match="alpha"):
            matrix_entropy(z, wrong)


def test_what_is_captured_is_what_the_model_uses(lime, plain):
    held = capture(lime, ROWS)
    router = routers_of(lime)[2].weight
    raw = torch.cat([v.unflatten(2, (4, 4)).transpose(1, 2) for v in held.raw], dim=1)
    by_hand = torch.einsum("hs,bslk->bhlk", router, raw).transpose(1, 2).flatten(2)
    assert torch.allclose(held.routed[2], by_hand, atol=1e-5)
    assert torch.equal(held.raw[0], held.routed[0]) and not torch.allclose(held.raw[2], held.routed[2])
    assert all(torch.equal(a, b) for a, b in zip(capture(plain, ROWS).raw, capture(plain, ROWS).routed))
    with torch.no_grad():
        state = lime.trunk(lime.begin(torch.from_numpy(ROWS.ids)))
    assert torch.equal(held.hidden[-1], state.stream)


def test_capture_refuses_what_it_cannot_read(lime):
    with pytest.raises(BadInput, match="block by block"):
        capture(torch.nn.Linear(2, 2), ROWS)
    with pytest.raises(BadInput, match="none of what"):
        capture(lime, ROWS).of("queries")


def test_maps_sum_to_one_and_the_baseline_reads_itself(lime, plain):
    for weighted in (True, False):
        shares = routing_map(lime, ROWS, weighted=weighted).shares
        assert all(sum(row) == pytest.approx(1.0) and len(row) == n + 1 for n, row in enumerate(shares))
    assert routing_map(plain, ROWS).shares == ((1.0,), (0.0, 1.0), (0.0, 0.0, 1.0))
    assert routing_map(plain, ROWS).depth == (0.0, 0.0, 0.0)


def test_the_weighted_map_does_not_change_when_a_raw_head_is_rescaled(lime):
    twin = LIMe(**SIZES, context=row_length(3), init_std=0.3).build(1).eval()
    with torch.no_grad():
        mixer = twin.trunk.blocks[1].attention.mixer
        for linear in (mixer.k, mixer.v):
            linear.weight.view(4, 4, 16)[2] *= 10
        for layer, router in routers_of(twin).items():
            if layer >= 1:
                router.weight[:, 4 + 2] /= 10
    assert torch.allclose(losses(twin, ROWS)[0], losses(lime, ROWS)[0], atol=1e-4)
    maps = [[share for row in routing_map(model, ROWS).shares for share in row] for model in (lime, twin)]
    bare = [[s for row in routing_map(model, ROWS, weighted=False).shares for s in row] for model in (lime, twin)]
    assert np.allclose(*maps, atol=1e-5) and not np.allclose(*bare, atol=1e-3)


def test_cuts_leave_nothing_behind(lime):
    before = fingerprint(lime)
    costs = edge_costs(lime, ROWS)
    entries = entry_costs(lime, ROWS, 2)
    pruned = prune(lime, ROWS, (0.0, 0.5, 1.0), draws=2)
    assert fingerprint(lime) == before
    assert set(costs.costs) == {(a, b) for a in (1, 2) for b in range(a + 1)}
    assert costs.dearest in costs.costs and entries.shape == (4, 12)
    assert pruned.smallest[0] == pytest.approx(pruned.random[0])
    assert pruned.smallest[0][0] == pytest.approx(costs.intact.value, abs=1e-5)
    assert pruned.smallest[2] == pytest.approx(pruned.random[2], abs=1e-5)
    for text in (costs.table(), pruned.table(), routing_map(lime, ROWS).table()):
        assert len(text.splitlines()) > 3
    with pytest.raises(BadInput, match="share"):
        prune(lime, ROWS, (1.5,))


def test_separability_is_chance_for_noise_and_one_for_what_is_there(lime):
    rows = unseen(200, operands=3)
    held = separability(lime, rows, kinds=("raw",))
    assert held.values["raw"][0].value > 0.95  # layer 0 sees the symbols themselves
    assert {len(one) for one in near_tokens(rows)} == {len(near_tokens(rows)[0])}
    with pytest.raises(BadInput, match="rarest"):
        separability(lime, rows, symbols="1")
    with pytest.raises(BadInput, match="rarest"):
        near_tokens(unseen(2, operands=2), "1234")


def test_entropy_by_layer_has_every_kind(lime):
    found = value_entropy(lime, ROWS, alpha=0.5)
    assert set(found.values) == {"hidden", "raw", "routed"} and all(len(v) == 3 for v in found.values.values())
    assert found.values["raw"][0].value == found.values["routed"][0].value
    assert "0.5" in found.table()


def test_a_working_is_right_when_teacher_forcing_says_so(lime):
    _, right = losses(lime, ROWS)
    for text, said in zip(ROWS.texts()[:5], right[:5]):
        assert solve(lime, text.split("=")[0]).right == bool(said)
    loss, solved = read_working(lime, ROWS)
    assert loss.n == solved.n == 40
    with pytest.raises(BadInput, match="tokens long"):
        losses(lime, unseen(3, operands=4))


def test_a_slip_is_found_where_it_is(lime):
    found = solve(lime, "(3+4)*2")
    assert found.correct == "(3+4)*2=7*2=4" and not found.right
    assert found.working[: found.first_slip] == found.correct[: found.first_slip]


def test_the_bill_counts_what_a_model_has():
    for arm in ("base", "lime", "first-1", "average"):
        model = first_weights(Run(arm=arm, lr=1e-2, seed=0))
        assert bill(model.config, arm, 27).parameters == sum(p.numel() for p in model.parameters())
    for options in ({"router": "channel"}, {"router": "same-head"}, {"routes": "separate"}, {"routes": "keys"}):
        config = LIMe(**{**SIZES, "kv_heads": 2}, context=9, **options)
        assert bill(config, "", 9).parameters == sum(p.numel() for p in config.build(0).parameters())
    base, lime = (bill(first_weights(Run(arm=arm, lr=1e-2, seed=0)).config, arm, 27) for arm in ("base", "lime"))
    assert lime.ratio(base, "cache") == 1 and lime.flight == 4 * base.flight and lime.all_layers > lime.cache
    assert lime.macs - base.macs == 144 * 8
    assert "cache" in lime.table(base)


def test_steps_to_a_loss():
    assert steps_to([2.0, 1.0, 0.5], 0.6, 100) == pytest.approx(180)
    assert steps_to([2.0, 1.0, 0.5], 3.0, 100) == 0
    assert steps_to([2.0, 1.0, 0.5], 0.1, 100) is None


def test_a_dynamic_mixture_has_circuits_and_a_static_one_has_none(lime):
    model = LIMeOfStates(**SIZES, context=row_length(3), init_std=0.3, dynamic=True).build(1).eval()
    assert all(one.spread == pytest.approx(0.0, abs=1e-6) for one in circuits(model, ROWS, 2))  # logits start at 0
    with torch.no_grad():
        mixture = model.trunk.blocks[2].attention.mixer.mixture
        mixture.weight.normal_(generator=torch.Generator().manual_seed(0))
    found = circuits(model, ROWS, 2)
    assert len(found) == 12 and found[0].spread > 0.1 and found[0].spread >= found[-1].spread
    assert found[0].shares[found[0].top(1)[0]] == max(found[0].shares.values()) and found[0].table()
    with pytest.raises(BadInput, match="no mixture"):
        circuits(lime, ROWS, 2)


def test_a_cloud_is_a_plane_around_its_middle(lime):
    found = cloud(lime, unseen(200, operands=3), 1)
    points = np.concatenate(list(found.values()))
    assert set(found) == set("1234") and points.shape[1] == 2 and np.allclose(points.mean(0), 0, atol=1e-9)
