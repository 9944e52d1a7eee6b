"""An answer of the panel of training in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.base.numbers import number
from labkit.panels.tables import Table

from .data import MEASURES, PARTS, TrainingData, TrainingState

__all__ = ["code_of", "sentence_of", "table_of"]

NAMES = {"attention": "attention", "mlp": "MLP", "block": "block"}


def sentence_of(data: TrainingData) -> str:
    """Return what the picture shows, in words."""
    row, last = data.values[data.place], data.values[-1]
    said = next(words for words, name in MEASURES.items() if name == data.measure)
    order = sorted(range(1, len(row)), key=row.__getitem__)
    loss = data.run.loss[data.place]
    says = f"{data.run.model} after step {data.step:,} of training (loss {loss.value:.2f} nats a token): {said}, "
    low, high = order[0], order[-1]
    says += f"{NAMES[data.part]} by {NAMES[data.part]}. Layer 0 has {number(row[0], 2)}; of the others the lowest is "
    says += f"{number(row[low], 2)} in layer {low}, the highest {number(row[high], 2)} in layer {high}. "
    means = {part: data.mean(part) for part in PARTS.values()}
    now = "; ".join(f"{NAMES[part]} {number(values[data.place], 2)}" for part, values in means.items())
    says += f"Means over layers 1 to {len(row) - 1}: {now}."
    if data.place + 1 < len(data.steps):
        then = "; ".join(f"{NAMES[part]} {number(values[-1], 2)}" for part, values in means.items())
        says += f" At the last step: {then}; layer {low} then has {number(last[low], 2)}."
    return says


def table_of(data: TrainingData) -> Table:
    """Return the measure by step and layer."""
    rows = [(f"{step:,}", *(number(value, 2) for value in row)) for step, row in zip(data.steps, data.values)]
    said = next(words for words, name in MEASURES.items() if name == data.measure)
    columns = ("step", *map(str, range(len(data.values[0]))))
    return Table(f"{said}, {NAMES[data.part]} of each layer, by step of training", columns, rows)


def code_of(state: TrainingState, n: int) -> str:
    """Return the lines that measure one kept step."""
    if state.measure == "score":
        metric, source, seed = "Cosine()", "from labkit.papers.what_matters import Cosine", 1
    else:
        metric, source, seed = f"LeaveOneOut(parts=({state.part!r},))", "from labkit.sweeps import LeaveOneOut", 0
    return "\n".join([
        "from labkit import world",
        "from labkit.models import load",
        source,
        "",
        f"model = load('runs/lab-deep-cpu-0/steps/{state.step:06d}')  # labkit train lab/deep leaves these",
        f"texts, tokenizer = world.documents('stories', {n}, seed={seed}, split='test'), world.tokenizer()",
        "documents = [[tokenizer.bos, *tokenizer.encode(one.text)][:96] for one in texts]",
        f"scores = {metric}(model, documents)",
        f"print([one.value for one in scores.of({state.part!r})])",
    ])  # fmt: skip
