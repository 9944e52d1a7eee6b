"""The judge is judged: right answers pass, also unusual ones; wrong ones are told why."""

import itertools

import pytest
import torch

import labkit
from labkit.course.exercises import judge
from labkit.papers.tokenformer import MaskTokens, TokenFormer, pattention_layers
from labkit.papers.tokenformer.exercises import LESSON
from labkit.papers.tokenformer.method import usage

EXERCISES = {one.id: one for one in LESSON.exercises}


def test_a_rounded_factor_is_right():
    assert judge(EXERCISES["03.1"], 12 / 8).right
    assert judge(EXERCISES["03.1"], "1.50").right


@pytest.mark.parametrize(
    "grow_live",
    [
        lambda k, v, t: (k.repeat_interleave(t, 0), v.repeat_interleave(t, 0) / t),
        lambda k, v, t: (k.repeat(t, 1), torch.cat((v, v.new_zeros((t - 1) * len(v), v.shape[1])))),
        lambda k, v, t: (3 * k.repeat(t, 1), v.repeat(t, 1) / t),  # the length of all keys does not matter
    ],
)
def test_unusual_growth_under_a_live_tau(grow_live):
    assert judge(EXERCISES["03.2"], grow_live).right


def by_hand(model, ids):
    """Mask without an edit, and put everything back."""
    losses = {}
    for name, layer in pattention_layers(model).items():
        kept = layer.keys.detach().clone()
        with torch.no_grad():
            layer.keys[layer.tokens // 4 :] = 0
            losses[name] = model(ids, labels=ids).loss.item()
            layer.keys.copy_(kept)
    return max(losses, key=losses.get)


def by_rise(model, ids):
    """Rank by the rise of the loss instead of the loss."""
    with torch.no_grad():
        base = model(ids, labels=ids).loss.item()
        rises = []
        for name, layer in pattention_layers(model).items():
            with labkit.edit(model, MaskTokens(name, tuple(range(layer.tokens // 4, layer.tokens)))):
                rises.append((model(ids, labels=ids).loss.item() - base, name))
    return max(rises)[1]


def by_half(model, ids):
    """Look at half of the text."""
    return by_rise(model, ids[: len(ids) // 2])


def by_use(model, ids):
    """Look at who is used, not at who is missed."""
    layers, used = pattention_layers(model), usage(model, ids)
    given = {name: u.abs().mean((0, 1)) * layers[name].values.detach().norm(dim=1) for name, u in used.items()}
    return max(given, key=lambda name: float(given[name][layers[name].tokens // 4 :].sum()))


def by_gradient(model, ids):
    """Look at gradients."""
    model.zero_grad(set_to_none=True)
    model(ids, labels=ids).loss.backward()
    sizes = {n: float(layer.values.grad[layer.tokens // 4 :].norm()) for n, layer in pattention_layers(model).items()}
    model.zero_grad(set_to_none=True)
    return max(sizes, key=sizes.get)


@pytest.mark.parametrize("answer", [by_half, by_use, by_gradient, lambda model, ids: "layers.1.v"])
def test_clever_wrong_ways_to_find_the_layer(answer):
    assert judge(EXERCISES["03.3"], answer).status == "wrong"


@pytest.mark.parametrize(
    "grow_live",
    [
        lambda k, v, t: (k, v) if t == 1 else (k.repeat(2, 1), v.repeat(2, 1) / 2),  # only ever doubles
        lambda k, v, t: (torch.cat([k] + [-k] * (t - 1)), v.repeat(t, 1) / t),  # the norm is right, GeLU is not odd
        lambda k, v, t: (k.repeat(t, 1), v.repeat_interleave(t, 0) / t),  # keys and values out of step
        lambda k, v, t: (k.repeat(t, 1), v.repeat(t, 1) / min(t, 2)),
        lambda k, v, t: (k.repeat(t, 1) * t**0.5, v.repeat(t, 1) / t**0.5),
    ],
)
def test_clever_wrong_growth(grow_live):
    assert judge(EXERCISES["03.2"], grow_live).status == "wrong"


def test_counting_calls_does_not_help():
    calls = itertools.count()
    assert judge(EXERCISES["03.4"], lambda grow: next(calls) % 7 in (0, 6)).status == "wrong"


@pytest.mark.parametrize("answer", [by_hand, by_rise])
def test_unusual_ways_to_find_the_layer(answer):
    assert judge(EXERCISES["03.3"], answer).right


def one_growth_then_three(grow):
    model = TokenFormer(vocab=9, width=8, depth=1, heads=2, tokens=4, ffn=16, context=8, init_std=0.5).build(2).eval()
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        sizes = (4, 8, 16)
        grown = model
        for size in sizes:
            grown = grow(grown, size)
        return torch.allclose(grown(ids).logits, model(ids).logits, atol=1e-4)


def by_probabilities(grow):
    model = (
        TokenFormer(vocab=23, width=16, depth=2, heads=2, tokens=6, ffn=24, context=32, init_std=0.3).build(1).eval()
    )
    ids = torch.randint(23, (4, 30), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        gaps = [model(ids).logits.log_softmax(-1) - grow(grow(model, 6), 12)(ids).logits.log_softmax(-1)]
    return max(float(gap.abs().max()) for gap in gaps) < 1e-4


@pytest.mark.parametrize("answer", [one_growth_then_three, by_probabilities])
def test_unusual_hunters(answer):
    assert judge(EXERCISES["03.4"], answer).right


def test_predictions_decide():
    known = {one.id: one for one in LESSON.predictions}
    assert known["p2"].decide(0.0) == (0,)
    assert known["p2"].decide(2.5) == (3,)
    rises = {"grown, memory carried": 0.05, "not grown, memory reset": 0.12}
    assert known["p4"].decide(rises) == (1,)
    assert known["p4"].decide(rises | {"grown, memory carried": 0.13}) == (2,)
    assert known["p4"].decide(rises | {"grown, memory carried": 0.3}) == (0,)
    assert known["p5"].decide(labkit.measurements.mean_over([0.1, 0.12, 0.11, 0.1, 0.12], "seeds", method="t")) == (1,)
