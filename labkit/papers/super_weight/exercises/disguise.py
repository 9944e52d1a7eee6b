"""Exercise 01.3: an ordinary weight becomes the largest, and the model stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["DISGUISE", "JUDGE"]

JUDGE = "judge a weight by what its absence does, not by its size, and by matched controls"


def _cases() -> list[tuple[Any, int, int, float]]:
    """Return (model, layer, neuron, factor): sizes, places and factors differ; one is the last neuron of the last."""
    from labkit.models import DecoderConfig

    cases = []
    for depth, ffn, layer, neuron, factor in ((3, 24, 1, 7, 50.0), (2, 20, 1, 19, 3.0), (4, 28, 0, 0, 1000.0)):
        sizes = {"vocab": 23, "width": 16, "depth": depth, "heads": 2, "ffn": ffn, "context": 16}
        cases.append((DecoderConfig(**sizes, init_std=0.2).build(seed=ffn).eval(), layer, neuron, factor))
    return cases


def _check_disguise(disguise: Callable[..., Any]) -> Outcome:
    """Try the reader's function on three random models: same logits, larger weights."""
    for model, layer, neuron, factor in _cases():
        if (told := _disguised(disguise, model, layer, neuron, factor)) is not None:
            return told
    return right(
        "Same model, and now these are among its largest weights. So size alone cannot tell what a weight is worth; "
        "what it writes can, for that has not changed."
    )


def _disguised(
    disguise: Callable[..., Any], model: ModelLike, layer: int, neuron: int, factor: float
) -> Outcome | None:
    """Return what is wrong with one disguise."""
    import copy

    import torch

    ids, twin = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]]), copy.deepcopy(model)
    with torch.no_grad():
        wanted = model(ids).logits
        done = disguise(twin, layer, neuron, factor)
        got = twin(ids).logits
        bare = copy.deepcopy(model)
        bare.load_state_dict(twin.state_dict())  # what the weights alone do, without anything hung on them
        by_weights = bare(ids).logits
    before, after = (one.trunk.blocks[layer].mlp.mixer for one in (model, twin))
    if is_blank(done) and torch.equal(got, wanted) and torch.equal(before.down.weight, after.down.weight):
        raise NotAttempted
    if torch.allclose(got, wanted, atol=1e-4) and not torch.allclose(by_weights, wanted, atol=1e-4):
        return wrong("something beside the weights makes up for the change.", "the last sentence of the task")
    if not torch.allclose(got, wanted, atol=1e-4):
        return _spoilt(before, after, neuron, factor)
    grown = after.down.weight[:, neuron] / before.down.weight[:, neuron]
    if not torch.allclose(grown, torch.full_like(grown, factor), rtol=1e-3):
        return wrong(
            f"the logits are the same, but down's weights of neuron {neuron} of layer {layer} have not grown "
            f"{factor:g} times.",
            "which of the four arguments your function does not use",
        )
    others = [column for column in range(after.down.weight.shape[1]) if column != neuron]
    if not torch.allclose(after.down.weight[:, others], before.down.weight[:, others]):
        return wrong(
            "the logits are the same, but other weights of down have grown as well, so none of them stands out.",
            "which rows and columns you changed",
        )
    return None


def _spoilt(before: Any, after: Any, neuron: int, factor: float) -> Outcome:
    """Return the likely thought behind a disguise that changes what the model computes."""
    import torch

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


def _disguise(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight[neuron] /= factor
    mlp.down.weight[:, neuron] *= factor


def _disguise_gate(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.gate.weight[neuron] /= factor
    mlp.down.weight[:, neuron] *= factor


def _disguise_all(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight /= factor
    mlp.down.weight *= factor


def _disguise_row(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight[neuron] /= factor
    mlp.down.weight[neuron] *= factor


def _disguise_down_only(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    model.trunk.blocks[layer].mlp.mixer.down.weight[:, neuron] *= factor


def _disguise_up_only(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    model.trunk.blocks[layer].mlp.mixer.up.weight[neuron] /= factor


def _disguise_halfway(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    _disguise(model, layer, neuron, factor**0.5)


def _disguise_by_a_hook(model: ModelLike, layer: int, neuron: int, factor: float) -> None:
    import torch

    down = model.trunk.blocks[layer].mlp.mixer.down
    shares = torch.where(torch.arange(down.weight.shape[1]) == neuron, 1 / factor, 1.0)
    down.weight[:, neuron] *= factor
    down.register_forward_pre_hook(lambda module, inputs: (inputs[0] * shares,))


DISGUISE = Exercise(
    id="01.3",
    title="Make an ordinary weight the largest",
    minutes=5,
    objective=JUDGE,
    difficulty="medium",
    deeper=True,
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
        "up is [neurons, width], so a neuron is one of its rows. down is [width, neurons]: what reads it there?",
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
        (_disguise_up_only, "what grows in down"),
        (_disguise_halfway, "have not grown 50 times"),
        (_disguise_by_a_hook, "beside the weights"),
        (lambda model, layer, neuron, factor: _disguise(model, layer, neuron, 50.0), "have not grown 3 times"),
        (lambda model, layer, neuron, factor: _disguise(model, 1, neuron, factor), "of layer 0"),
        (lambda model, layer, neuron, factor: _disguise(model, layer, 7, factor), "of neuron 19"),
    ),
)
