"""Estimates for all weights from one backward pass, against gradients and losses taken one at a time."""

import pytest
import torch
from families import each_family, ids_of, make

from labkit.anatomy import anatomy_of, fingerprint, view
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import ScaleWeight, ZeroWeight, edit
from labkit.measurements import loss
from labkit.measurements.zeroing import zeroing_estimates

TEXT = [ids_of(length, seed=number)[0] for number, length in enumerate((7, 5, 7))]


def change(model, address, factor):
    """Return the change of the mean loss over all tokens, in double precision from per-document means."""
    before = loss(model, TEXT)
    with edit(model, ScaleWeight(address, factor)):
        after = loss(model, TEXT)
    return after.value - before.value


@each_family
def test_an_estimate_is_the_slope_towards_zero_wherever_a_family_keeps_the_weight(family):
    model = make(family)
    before = fingerprint(model)
    found = zeroing_estimates(model, TEXT)
    assert fingerprint(model) == before and all(p.grad is None for p in model.parameters())
    assert len(found) == sum(p.numel() for p in model.parameters()) - unreached(model)
    for name in ("attn.q", "attn.v", "mlp.down", "mlp_norm", "attn_norm"):
        name = f"layers.1.{name}"
        if name not in found.values:
            continue
        seen = view(model, name)
        place = int(found.values[name].abs().argmax())
        index = ", ".join(map(str, torch.unravel_index(torch.tensor(place), seen.shape)))
        index = ", ".join(part.strip("tensor()") for part in index.split(", "))
        address = f"{name}[{index}]"
        step = 0.02
        slope = (change(model, address, 1 - step) - change(model, address, 1 + step)) / (2 * step)
        assert found.at(address) == pytest.approx(slope, rel=0.05, abs=2e-4)


def unreached(model):
    """Count weights without an address: positions of GPT-2 are no part of the grammar."""
    anatomy = anatomy_of(model)
    named = {id(anatomy.view(name).parameter) for name in anatomy.addresses()}
    return sum(p.numel() for p in model.parameters() if id(p) not in named)


def test_the_second_order_adds_the_curvature_of_single_documents():
    model = make("labkit")
    first, second = (zeroing_estimates(model, TEXT, order=order) for order in (1, 2))
    alone = [zeroing_estimates(model, [ids]).values for ids in TEXT]  # -g w of each document's mean loss
    for name in first.values:
        curved = sum(0.5 * one[name].square() * (len(ids) - 1) for one, ids in zip(alone, TEXT)) / len(TEXT)
        assert torch.allclose(second.values[name] - first.values[name], curved, atol=1e-6)
    assert second.order == 2 and first.n == 3


def test_top_and_drawn_weights_are_addresses_of_the_model():
    model = make("gpt2")
    found = zeroing_estimates(model, TEXT)
    top = found.top(5)
    everything = torch.cat([tensor.flatten() for tensor in found.values.values()]).sort(descending=True).values
    assert [found.at(address) for address in top] == pytest.approx(everything[:5].tolist())
    drawn = found.drawn(40, seed=1)
    assert drawn == found.drawn(40, seed=1) != found.drawn(40, seed=2) and len(set(drawn)) == 40
    for address in (*top, *drawn):
        with edit(model, ZeroWeight(address)):
            pass
    assert len(set(found.drawn(len(found)))) == len(found)
    with pytest.raises(BadInput, match="to draw"):
        found.drawn(len(found) + 1)
    with pytest.raises(UnknownName, match="address"):
        found.at("layers.9.mlp.down[0, 0]")
    with pytest.raises(BadInput, match="order"):
        zeroing_estimates(model, TEXT, order=3)


def test_a_small_weight_is_estimated_almost_exactly():
    model = make("labkit")
    with edit(model, ScaleWeight("layers.0.mlp.down", 1e-2)):
        found = zeroing_estimates(model, TEXT)
        address = f"layers.0.mlp.down[3, {int(found.values['layers.0.mlp.down'][3].abs().argmax())}]"
        true = change(model, address, 0.0)
        assert found.at(address) == pytest.approx(true, rel=0.1, abs=2e-6)
