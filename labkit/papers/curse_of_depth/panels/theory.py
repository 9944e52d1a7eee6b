"""The theory of the Curse of Depth beside fresh models: how the stream and the gradient grow with depth. Lesson: 08."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from .beginning import LENGTH, SIZES

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

    from labkit.zoo import ModelLike

__all__ = ["TheoryData", "TheoryPanel", "TheoryState"]

QUANTITIES = {"the stream's variance": "variance", "the gradient": "gradient"}
MLPS = {"ReLU, as in the proofs": "relu", "SwiGLU, as in the models": "swiglu"}
FAMILIES = {"Pre-LN": ("pre-norm", 0.0), "LayerNorm Scaling": ("lns", 0.5)}  # kind of model, exponent p
SEEDS = 2
RELU = "bound with the ReLU factor"
MOST_GROWTH = 12.0  # of the logarithm of the gradient, the end of the axis


@dataclass(frozen=True)
class TheoryState:
    """What is followed through the blocks, with which MLP, and through how many."""

    quantity: str = "variance"
    mlp: str = "relu"
    depth: int = 32


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


class TheoryPanel(Panel):
    """The lemmas' recursions and the theorems' products beside what two untrained models do.

    The embedding is scaled so that the first block adds as much variance as it finds: the theory's unit constants.
    """

    question = "Does the theory say what happens?"
    State = TheoryState
    size = (8.6, 3.7)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("quantity", QUANTITIES, label="Follow"),
            Choice("mlp", MLPS, label="MLP"),
            Slider("depth", 4, 64, 4, label="Blocks"),
        )

    def compute(self, state: TheoryState) -> TheoryData:
        make = _variances if state.quantity == "variance" else _gradients
        families = {name: make(kind, p, state) for name, (kind, p) in FAMILIES.items()}
        return TheoryData(state.quantity, state.mlp, state.depth, families)

    def presets(self) -> Sequence[TheoryState]:
        return [TheoryState("variance", "relu", 32), TheoryState("variance", "swiglu", 32), TheoryState("gradient")]

    def draw(self, data: TheoryData, figure: FigureBase) -> None:
        from .lines import Plot, paint_plots

        if data.quantity == "variance":
            look: dict[str, Any] = {"limits": (0.5, 2000.0), "y": "variance / embedding's", "log": True}
        else:
            look = {"limits": (-1.0, MOST_GROWTH), "y": "log of growth"}
        paint_plots([Plot(name, lines, **look) for name, lines in data.families.items()], figure)

    def sentence(self, data: TheoryData) -> str:
        return _variance_words(data) if data.quantity == "variance" else _gradient_words(data)

    def table(self, data: TheoryData) -> Table:
        columns = [f"{family}: {line}" for family, lines in data.families.items() for line in lines]
        values = [line for lines in data.families.values() for line in lines.values()]
        rows = [(f"block {number}", *row) for number, row in enumerate(zip(*values), start=1)]
        what = "Variance over the embedding's" if data.quantity == "variance" else "Log growth of the gradient"
        return Table(f"{what}, after each block; means of {SEEDS} untrained models", ("", *columns), rows)

    def code(self, state: TheoryState) -> str:
        fields = {**SIZES, "depth": state.depth, "kind": "pre-norm", "mlp_type": state.mlp}
        if state.quantity == "variance":
            measure = ["    found.append([v / variance[0] for v in variance[1:]])"]
            theory = [
                f"lemma = theory.variance_recursion({state.depth + 1}, p=0.0)[1:]",
                f"independent = theory.independent_variance({state.depth + 1}, p=0.0)[1:]",
                "print(measured, lemma, independent)",
            ]
        else:
            measure = [
                '    norms = labkit.gradient_norms(model, [text]).values("stream")',
                "    found.append([math.log(norms[0] / norm) for norm in norms])",
                "    sizes.append([v / variance[0] for v in variance])",
            ]
            theory = [
                "bound = theory.gradient_bound(np.mean(sizes, axis=0)[:-1], q=0.0)",
                "print(measured, bound - bound[0])",
            ]
        lines = [
            "import math",
            "",
            "import numpy as np",
            "import torch",
            "",
            "import labkit",
            "from labkit import DecoderConfig, measurements",
            "from labkit.papers.curse_of_depth.method import theory",
            "",
            "found, sizes = [], []",
            f"for seed in range({SEEDS}):",
            "    # Pre-LN; for LayerNorm Scaling the kind is lns, p is 0.5, and q is 1 as printed",
            f"    config = DecoderConfig.from_dict({fields!r})",
            "    model = config.build(seed).eval()",
            f"    text = torch.randint(config.vocab, ({LENGTH},), generator=torch.Generator().manual_seed(seed))",
            "    before, after, *_ = [one.value for one in measurements.residual_stats(model, [text]).variance]",
            "    model.embed.weight.data *= ((after - before) / before) ** 0.5  # the theory's unit constants",
            "    variance = [one.value for one in measurements.residual_stats(model, [text]).variance]",
            *measure,
            "measured = np.mean(found, axis=0)",
            *theory,
        ]
        return "\n".join(lines)


def _variances(kind: str, p: float, state: TheoryState) -> dict[str, tuple[float, ...]]:
    from ..method.theory import independent_variance, variance_recursion

    depth, power = state.depth, 1 if state.mlp == "relu" else 2
    return {
        "measured": measured_variance(kind, state.mlp, depth)[1:],
        "the lemma": tuple(variance_recursion(depth + 1, p)[1:].tolist()),
        "independent blocks": tuple(independent_variance(depth + 1, p, power)[1:].tolist()),
    }


def _gradients(kind: str, p: float, state: TheoryState) -> dict[str, tuple[float, ...]]:
    """Return logs of the growth from after block ℓ back to after block 1, and of the bounds for the same blocks."""
    import numpy as np

    from ..method.theory import gradient_bound

    variance = np.array(measured_variance(kind, state.mlp, state.depth))
    orders = {"bound as printed": 2 * p, RELU: p} if p else {"bound": 0.0}
    lines = {"measured": _measured_growth(kind, state.mlp, state.depth)}
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


def _variance_words(data: TheoryData) -> str:
    said = []
    for family in data.families:
        ours, lemma, alone = (data.end(family, line) for line in ("measured", "the lemma", "independent blocks"))
        nearer = "the lemma" if abs(ours - lemma) < abs(ours - alone) else "independent blocks"
        said.append(
            f"{family}: measured {ours:.3g} times the embedding's variance after block {data.depth}; the lemma's own "
            f"recursion says {lemma:.3g}, blocks that write independently of the stream {alone:.3g}. "
            f"{nearer.capitalize()} {'are' if nearer.endswith('s') else 'is'} nearer."
        )
    return " ".join(said)


def _gradient_words(data: TheoryData) -> str:
    from math import exp

    pre, scaled = data.families.values()
    return (
        f"Through {data.depth} blocks the gradient grows {exp(pre['measured'][-1]):.2g} times in Pre-LN and "
        f"{exp(scaled['measured'][-1]):.2g} times with scaling. With both constants at 1 the theorem allows "
        f"{exp(pre['bound'][-1]):.3g} times in Pre-LN, and with scaling {exp(scaled['bound as printed'][-1]):.3g} as "
        f"printed or {exp(scaled[RELU][-1]):.3g} with the factor that its proof gives. A bound far above what happens "
        f"does not tell one from the other."
    )
