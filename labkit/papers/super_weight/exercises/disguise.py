"""Exercise 01.3: an ordinary weight becomes the largest, and the model stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

__all__ = ["DISGUISE", "JUDGE"]

JUDGE = "judge a weight by what its absence does, not by its size, and by matched controls"


def _tiny_decoder() -> Any:
    from labkit.models import DecoderConfig

    return DecoderConfig(vocab=23, width=16, depth=3, heads=2, ffn=24, context=16, init_std=0.2).build(seed=5).eval()


def _check_disguise(disguise: Callable[..., Any]) -> Outcome:
    """Try the reader's function on a random model: same logits, larger weights."""
    import copy

    import torch

    model, layer, neuron, factor = _tiny_decoder(), 1, 7, 50.0
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    twin = copy.deepcopy(model)
    with torch.no_grad():
        wanted = model(ids).logits
        done = disguise(twin, layer, neuron, factor)
        got = twin(ids).logits
    before, after = (one.trunk.blocks[layer].mlp.mixer for one in (model, twin))
    if is_blank(done) and torch.equal(got, wanted) and torch.equal(before.down.weight, after.down.weight):
        raise NotAttempted
    if not torch.allclose(got, wanted, atol=1e-4):
        if not torch.equal(before.gate.weight, after.gate.weight):
            return wrong(
                "the model changed: the gate goes through a curve, so a factor there does not come out as a factor.",
                "which of gate and up enters the product without a curve",
            )
        shrunk = torch.allclose(before.up.weight[neuron] / factor, after.up.weight[neuron])
        if shrunk and not torch.allclose(before.down.weight[:, neuron] * factor, after.down.weight[:, neuron]):
            return wrong(
                "up shrinks as it should, and what grows in down is not what reads the neuron.",
                "down is [out, in]: which of the two is the neuron?",
            )
        return wrong("the model is not what it was.", "what must shrink by the factor that another grows by")
    grown = after.down.weight[:, neuron].abs() / before.down.weight[:, neuron].abs()
    if not torch.allclose(grown, torch.full_like(grown, factor), rtol=1e-3):
        return wrong(
            "the logits are the same, but the down weights of the neuron have not grown by the factor.",
            "the column of down that reads the neuron",
        )
    others = [column for column in range(after.down.weight.shape[1]) if column != neuron]
    if not torch.allclose(after.down.weight[:, others], before.down.weight[:, others]):
        return wrong(
            "the logits are the same, but other weights of down have grown as well, so none of them stands out.",
            "which rows and columns you changed",
        )
    return right(
        "Same model, and now these are among its largest weights. So size alone cannot tell what a weight is worth; "
        "what it writes can, for that has not changed."
    )


def _disguise(model: Any, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight[neuron] /= factor
    mlp.down.weight[:, neuron] *= factor


def _disguise_gate(model: Any, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.gate.weight[neuron] /= factor
    mlp.down.weight[:, neuron] *= factor


def _disguise_all(model: Any, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight /= factor
    mlp.down.weight *= factor


def _disguise_row(model: Any, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight[neuron] /= factor
    mlp.down.weight[neuron] *= factor


def _disguise_down_only(model: Any, layer: int, neuron: int, factor: float) -> None:
    model.trunk.blocks[layer].mlp.mixer.down.weight[:, neuron] *= factor


DISGUISE = Exercise(
    id="01.3",
    title="Make an ordinary weight the largest",
    minutes=5,
    objective=JUDGE,
    difficulty="hard",
    task=(
        "“The important weights are the large ones.” Break that claim. A neuron computes silu(gate · x) × (up · x), "
        "and `down` reads it. Write `disguise(model, layer, neuron, factor)`: it makes every weight of `down` that "
        "reads the neuron `factor` times larger, and the model computes **the same logits** as before. Change the "
        "weights in place."
    ),
    expects="a function of (model, layer, neuron, factor) that changes weights in place",
    check=_check_disguise,
    hints=(
        "If down grows by the factor, what it reads must shrink by the factor.",
        "gate goes through silu, a curve. up does not.",
        "mlp.up.weight[neuron] /= factor; mlp.down.weight[:, neuron] *= factor",
    ),
    solution=(
        "```python\n"
        "def disguise(model, layer, neuron, factor):\n"
        "    mlp = model.trunk.blocks[layer].mlp.mixer\n"
        "    mlp.up.weight[neuron] /= factor\n"
        "    mlp.down.weight[:, neuron] *= factor\n"
        "```\n"
        "The two factors cancel in every product. A detector that looks at what weights write sees no difference; one "
        "that ranks weights by size is fooled."
    ),
    answer=_disguise,
    typical_wrong=(
        (_disguise_gate, "through a curve"),
        (_disguise_down_only, "not what it was"),
        (_disguise_all, "other weights of down"),
        (_disguise_row, "what reads the neuron"),
    ),
)
