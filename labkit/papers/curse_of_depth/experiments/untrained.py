"""What models are before any training: a look block by block, and growth with depth beside what theory says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["InitialisationLook", "TheoryData", "fields_of", "gradients", "look_at", "measured_variance", "variances"]

# Fields of a model's config by the words shown.
PLACEMENTS = {
    "Pre-LN": {"kind": "pre-norm"},
    "LayerNorm Scaling": {"kind": "lns"},
    "LayerNorm Scaling, p = 1": {"kind": "lns", "exponent": 1.0},
    "Post-LN": {"kind": "post-norm"},
    "Sandwich": {"kind": "sandwich"},
    "Mix-LN": {"kind": "mix-norm"},
    "DeepNorm": {"kind": "deep-norm"},
    "factor before the norm": {"kind": "scaling-at", "position": "before-norm"},
    "factor after the branch": {"kind": "scaling-at", "position": "after-branch"},
    "factor after the sum": {"kind": "scaling-at", "position": "after-residual"},
    "factor on attention alone": {"kind": "scaling-at", "position": "attention"},
    "factor on the MLP alone": {"kind": "scaling-at", "position": "mlp"},
    "SkipInit": {"kind": "skip-init"},
    "LayerScale": {"kind": "layer-scale"},
    "ReZero": {"kind": "re-zero"},
}
FIRST_VALUES = {
    "plain": {"init": "plain"},
    "outputs smaller (GPT-2)": {"init": "gpt2"},
    "all smaller with depth": {"init": "depth"},
    "OLMo's": {"init": "olmo"},
    "outputs at zero": {"init": "zero"},
    "DeepNorm's": {"init": "deepnorm"},
    "plain, embedding large": {"init": "plain", "embed_std": 0.632},  # as released with the paper until January 2026
}
BASELINE = ("Pre-LN", "plain")
# 0.02 at a width of 768, brought to this width, as in the recipes depth/*.
SIZES = {"vocab": 256, "width": 64, "heads": 2, "ffn": 176, "context": 64, "init_std": 0.07}
DOCUMENTS, LENGTH = 2, 48
SEEDS = 2
RELU = "bound with the ReLU factor"


@dataclass(frozen=True)
class InitialisationLook:
    """An untrained model, block by block: variance after it, turn by it, gradient over that after the last."""

    variance: tuple[float, ...]
    turns: tuple[float, ...]
    gradients: tuple[float, ...]


@lru_cache(maxsize=64)
def look_at(placement: str, depth: int, first_values: str) -> InitialisationLook:
    """Return the look at a fresh model; the same whenever it is asked."""
    import torch

    from labkit.models import DecoderConfig

    from ..method.gradients import gradient_norms
    from .reading import read_stream

    config = DecoderConfig.from_dict(fields_of(placement, depth, first_values))
    model = config.build(0).eval()
    generator = torch.Generator().manual_seed(0)
    documents = list(torch.randint(config.vocab, (DOCUMENTS, LENGTH), generator=generator))
    variance, turns = read_stream(model, documents)
    norms = gradient_norms(model, documents).values("stream")
    return InitialisationLook(variance[1:], turns, tuple(norm / norms[-1] for norm in norms))


def fields_of(placement: str, depth: int, first_values: str) -> dict[str, Any]:
    """Return the fields of the config of the model that `look_at` looks at."""
    return {**SIZES, "depth": depth, **PLACEMENTS[placement], **FIRST_VALUES[first_values]}


@dataclass(frozen=True)
class TheoryData:
    """By family ("Pre-LN", "LayerNorm Scaling"), by line ("measured", …): one value after each block.

    Variances are in units of the embedding's, gradients are logarithms of the growth from the last block back.
    """

    quantity: str
    mlp: str
    depth: int
    families: dict[str, dict[str, tuple[float, ...]]]

    def end(self, family: str, line: str) -> float:
        """Return where a line ends."""
        return self.families[family][line][-1]


def variances(kind: str, p: float, mlp: str, depth: int) -> dict[str, tuple[float, ...]]:
    """Return the stream's variance after each block in units of the embedding's: measured, and by two recursions."""
    from ..method.theory import independent_variance, variance_recursion

    power = 1 if mlp == "relu" else 2
    return {
        "measured": measured_variance(kind, mlp, depth)[1:],
        "the lemma": tuple(variance_recursion(depth + 1, p)[1:].tolist()),
        "independent blocks": tuple(independent_variance(depth + 1, p, power)[1:].tolist()),
    }


def gradients(kind: str, p: float, mlp: str, depth: int) -> dict[str, tuple[float, ...]]:
    """Return logs of the growth from after block ℓ back to after block 1, and of the bounds for the same blocks."""
    import numpy as np

    from ..method.theory import gradient_bound

    variance = np.array(measured_variance(kind, mlp, depth))
    orders = {"bound as printed": 2 * p, RELU: p} if p else {"bound": 0.0}
    lines = {"measured": _measured_growth(kind, mlp, depth)}
    for name, q in orders.items():
        bound = gradient_bound(variance[:-1], q)  # block ℓ divides by the stream in front of it
        lines[name] = tuple((bound - bound[0]).tolist())
    return lines


@lru_cache(maxsize=32)
def measured_variance(kind: str, mlp: str, depth: int) -> tuple[float, ...]:
    """Return the stream's variance over the embedding's, at the embedding and after each block [N + 1]."""
    import numpy as np

    found = [_variance(*_fresh(kind, mlp, depth, seed)) for seed in range(SEEDS)]
    return tuple(np.mean([variance / variance[0] for variance in found], axis=0).tolist())


@lru_cache(maxsize=32)
def _measured_growth(kind: str, mlp: str, depth: int) -> tuple[float, ...]:
    """Return log(gradient after block 1 / gradient after block ℓ) [N]."""
    import numpy as np

    from ..method.gradients import gradient_norms

    fresh = [_fresh(kind, mlp, depth, seed) for seed in range(SEEDS)]
    norms = [np.array(gradient_norms(model, [document]).values("stream")) for model, document in fresh]
    return tuple(np.mean([np.log(norm[0] / norm) for norm in norms], axis=0).tolist())


def _fresh(kind: str, mlp: str, depth: int, seed: int) -> tuple[Any, Any]:
    """Return an untrained model whose first block adds as much variance as it finds, and a text of random tokens."""
    import torch

    from labkit.models import DecoderConfig

    config = DecoderConfig.from_dict({**SIZES, "depth": depth, "kind": kind, "mlp_type": mlp})
    model = config.build(seed).eval()
    document = torch.randint(config.vocab, (LENGTH,), generator=torch.Generator().manual_seed(seed))
    before, after, *_ = _variance(model, document)
    with torch.no_grad():  # after the norm, block 1 is the same for every size of the embedding
        model.embed.weight.mul_(((after - before) / before) ** 0.5)
    return model, document


def _variance(model: ModelLike, document: Any) -> Any:
    import numpy as np

    from labkit.anatomy import record

    sites = ["embed", *(f"layers.{layer}" for layer in range(model.config.depth))]
    streams = record(model, document, sites)
    return np.array([float(streams[site][0].double().var(dim=-1, unbiased=False).mean()) for site in sites])
