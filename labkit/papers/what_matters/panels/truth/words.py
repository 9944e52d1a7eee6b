"""An answer of the truth panel in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.base.numbers import number
from labkit.panels.tables import Table

from .data import METRICS, PARTS, TruthData, TruthState

__all__ = ["code_of", "sentence_of", "table_of"]


def sentence_of(data: TruthData) -> str:
    """Return what the picture shows, in words."""
    found = data.agreement
    which = next(words for words, part in PARTS.items() if part == data.part)
    r = found.correlation
    says = f"{which[0].upper()}{which[1:]} of {data.model}, {len(found.labels)} points: "
    says += f"the rank correlation of the score ({data.metric}) with what losing a part costs is {r.value:.2f} "
    says += f"({r.low:.2f} to {r.high:.2f}; knowing nothing gives 0). "
    order = sorted(range(len(found.labels)), key=found.guess.__getitem__)
    first, few = order[0], min(4, len(order) // 2)
    cheap = set(sorted(range(len(found.labels)), key=found.truth.__getitem__)[:few])
    rank = 1 + sum(value < found.truth[first] for value in found.truth)
    cost = number(found.truth[first], 2)
    says += f"The score would first drop {found.labels[first]}, which costs {cost} nats a token (place {rank} of "
    says += f"{len(order)} from the cheapest). "
    says += f"Of its {few} lowest, {len(cheap & set(order[:few]))} are among the {few} cheapest."
    return says


def table_of(data: TruthData) -> Table:
    """Return score and cost of every part, the costliest first, with the interval of the cost."""
    found, rows = data.agreement, []
    for place in sorted(range(len(found.labels)), key=lambda i: -found.truth[i]):
        layer = int(found.labels[place].rsplit(" ", 1)[1])
        cost = data.truth.of(found.kinds[place])[layer]
        rows.append((found.labels[place], found.guess[place], cost.value, f"{cost.low:.3f} to {cost.high:.3f}"))
    n = next(one.n for one in data.truth.block if one is not None)
    caption = f"Score ({data.metric}) and rise in loss without it, nats a token, over {n} documents"
    return Table(caption, ("part", "score", "rise in loss", "95 % interval"), rows)


def code_of(name: str, state: TruthState, n: int) -> str:
    """Return the lines that compute the agreement."""
    kind, options = METRICS[state.metric]
    given = ", ".join(f"{key}={value!r}" for key, value in options.items())
    parts = ("attention", "mlp") if state.part == "joint" else (state.part,)
    return "\n".join([
        "import labkit",
        "from labkit import world",
        f"from labkit.papers.what_matters import {kind}",
        "from labkit.sweeps import LeaveOneOut, score_agreement",
        "",
        f"model = labkit.load({name!r})",
        "",
        "def stories(seed):",
        f"    texts = world.documents('stories', {n}, seed=seed, split='test')",
        "    return [model.encode(one.text) for one in texts]",
        "",
        f"scores = {kind}({given})(model, stories(1))",
        f"truth = LeaveOneOut(parts={parts!r})(model, stories(0))  # every part is left out in turn",
        f"agreement = score_agreement(scores, truth, {state.part!r})",
        "print(agreement.table())",
    ])  # fmt: skip
