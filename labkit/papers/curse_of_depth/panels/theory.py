"""The theory of the Curse of Depth beside fresh models: how the stream and the gradient grow with depth. Lesson: 08."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit.panels.controls import Choice, Control, Slider
from labkit.panels.panel import Panel
from labkit.panels.tables import Table

from ..experiments.untrained import LENGTH, SEEDS, SIZES, TheoryData, gradients, variances

__all__ = ["TheoryPanel", "TheoryState"]

QUANTITIES = {"the stream's variance": "variance", "the gradient": "gradient"}
MLPS = {"ReLU, as in the proofs": "relu", "SwiGLU, as in the models": "swiglu"}
FAMILIES = {"Pre-LN": ("pre-norm", 0.0), "LayerNorm Scaling": ("lns", 0.5)}  # kind of model, exponent p


@dataclass(frozen=True)
class TheoryState:
    """What is followed through the blocks, with which MLP, and through how many."""

    quantity: str = "variance"
    mlp: str = "relu"
    depth: int = 32


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
        make = variances if state.quantity == "variance" else gradients
        families = {name: make(kind, p, state.mlp, state.depth) for name, (kind, p) in FAMILIES.items()}
        return TheoryData(state.quantity, state.mlp, state.depth, families)

    def presets(self) -> Sequence[TheoryState]:
        return [TheoryState("variance", "relu", 32), TheoryState("variance", "swiglu", 32), TheoryState("gradient")]

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
        return "\n".join([
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
        ])  # fmt: skip
