"""An answer of the score panel in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.base.numbers import number
from labkit.panels.tables import Table

from .data import ScoreData, ScoreState

__all__ = ["PARTS", "code_of", "sentence_of", "table_of"]

PARTS = {"attention": "attention", "MLP": "mlp", "the whole block": "block"}
NAMES = {"attention": "The attention", "mlp": "The MLP", "block": "The whole"}


def sentence_of(data: ScoreData) -> str:
    """Return what the picture shows, in words."""
    top = max(range(1, len(data.scores)), key=data.scores.__getitem__)
    says = (
        f"{NAMES[data.part]} of layer {data.layer} on {len(data.pieces)} tokens: 1 − cosine of the stream before and "
    )
    says += f"after is {number(data.mean, 2)} on average, {number(data.mean_without_first, 2)} without the first token "
    says += f"(which has {number(data.scores[0], 2)}); behind it the highest is at “{data.pieces[top]}”, "
    says += f"{number(data.scores[top], 2)}."
    if data.bare is None:
        says += " A block has no score without the residual: it reads and returns the stream itself."
    else:
        says += f" Without the residual it is {number(data.bare_mean, 2)}, {number(data.bare_mean_without_first, 2)} "
        says += f"without the first token: {_angle(data.bare_mean_without_first)}"
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return says + (f" Words it has never seen: {shown}." if shown else "")


def _angle(score: float) -> str:
    if abs(score - 1) < 0.1:
        return "what it writes stands at about a right angle to what it reads, as two random directions would."
    return "what it writes points partly " + ("along what it reads." if score < 1 else "against what it reads.")


def table_of(data: ScoreData) -> Table:
    """Return the score at each token."""
    bare = data.bare or ("",) * len(data.scores)
    rows = [(f"{place}  {piece}", score, other) for place, (piece, score, other) in
            enumerate(zip(data.pieces, data.scores, bare))]  # fmt: skip
    rows += [("mean", data.mean, "" if data.bare is None else data.bare_mean)]
    rows += [("mean without the first", data.mean_without_first,
              "" if data.bare is None else data.bare_mean_without_first)]  # fmt: skip
    caption = f"1 − cosine, {NAMES[data.part].lower()} of layer {data.layer}"
    return Table(caption, ("token", "with residual", "without residual"), rows)


def code_of(name: str, state: ScoreState) -> str:
    """Return the lines that compute the score at each token."""
    inside = state.part != "block"
    lines = [
        "import labkit",
        "from labkit.papers.what_matters import Cosine, position_scores",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"with_residual = position_scores(model, [text], {state.part!r}, Cosine()).value[{state.layer}]",
    ]
    if inside:
        lines += [
            f"without = position_scores(model, [text], {state.part!r}, Cosine(residual=False)).value[{state.layer}]"
        ]
    pieces = "model.pieces(model.encode(text))"
    lines += [f"print(*zip({pieces}, with_residual{', without' if inside else ''}), sep='\\n')"]
    return "\n".join(lines)
