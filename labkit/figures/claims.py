"""A claim on its own scale: our interval, the null with its margin, and the paper's number where it has one."""

from __future__ import annotations

from textwrap import shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from labkit.base.errors import BadInput
from labkit.base.numbers import known, number
from labkit.claims import Assessment, Ledger, assess

from .drawing import Drawing
from .style import BAND, INK, MARKS, PAPER, SIZES, SOFT, axes, inches, label_axes, wrapped

__all__ = ["DRAWINGS"]


def paint(assessment: Assessment, figure: FigureBase) -> None:
    """Draw one claim: the margin as a band, the null as a line, ours with its interval, the paper's diamond."""
    claim = assessment.claim
    scale = wrapped(claim.scale, inches(figure)[0] - 0.7, "label")
    bottom = 0.6 + 0.2 * scale.count("\n")
    (ax,) = axes(figure, f"{assessment.verdict.capitalize()}: {claim.sentence}", left=0.35, right=0.35, bottom=bottom)
    low, high = _reach(assessment)
    ax.set_xlim(low, high)
    ax.set_ylim(1.0, -1.0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.axvspan(claim.null - claim.delta, claim.null + claim.delta, color=BAND, linewidth=0, zorder=0)
    ax.axvline(claim.null, color=INK, linewidth=1.4, linestyle=":")
    words = ("exact value", "tolerance") if claim.exact else ("null", "margin ±")
    label = f"{words[0]} {known(claim.null)}, {words[1]} {known(claim.delta)}".replace("± ", "±")
    left = claim.null > (low + high) / 2
    ax.annotate(
        label,
        (claim.null, -0.88),
        xytext=(-5 if left else 5, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=SIZES["note"],
        color=SOFT,
    )
    if claim.number_on_scale is not None:
        ax.plot(claim.number_on_scale, -0.2, "D", color=MARKS["cut"].colour, markersize=9)
        _say(ax, claim.number_on_scale, -0.55, f"the paper {known(claim.number_on_scale)}")
    if assessment.value is None:
        _say(ax, (low + high) / 2, 0.2, f"{assessment.verdict}: {assessment.reason}")
    else:
        # End caps are seen also where the dot hides the interval.
        ends: dict[str, Any] = {"marker": "|", "markersize": 17, "markeredgewidth": 2.2}
        ax.plot([assessment.low, assessment.high], [0.6, 0.6], color=MARKS["intact"].colour, linewidth=4, **ends)
        ax.plot(assessment.value, 0.6, "o", color=MARKS["intact"].colour, markersize=11, markeredgecolor="white")
        _say(ax, assessment.value, 0.25, f"ours {number(assessment.value)}")
    label_axes(ax, x=scale)


def describe(assessment: Assessment) -> str:
    """Return the claim, the paper's number, ours with its interval, the null and the verdict."""
    claim = assessment.claim
    said = [f"Claim: {claim.sentence}"]
    if claim.number is not None:
        said.append(f"The paper: {claim.number} ({claim.place}).")
    if assessment.value is None:
        said.append("Ours is not measured.")
    else:
        ends = f"from {number(assessment.low)} to {number(assessment.high)}"
        said.append(f"Ours: {number(assessment.value)}, {ends}, over {assessment.n} {assessment.over}.")
    said.append(f"{'Exact value' if claim.exact else 'Null'} {known(claim.null)}, margin {known(claim.delta)}.")
    return " ".join(said) + f" Verdict: {assessment.verdict}, because {assessment.reason}."


def paint_ledger(ledger: Ledger, figure: FigureBase) -> None:
    """Draw the claims of a lesson under each other, each on its own scale."""
    _must_hold_claims(ledger)
    if len(ledger) == 1:
        return paint(assess(ledger.claims[0], ledger.folder), figure)
    parts: Any = figure.subfigures(len(ledger), 1)
    for claim, part in zip(ledger, parts):
        paint(assess(claim, ledger.folder), part)
    return None


def describe_ledger(ledger: Ledger) -> str:
    """Return one line per claim."""
    _must_hold_claims(ledger)
    return "\n".join(describe(assess(claim, ledger.folder)) for claim in ledger)


def _must_hold_claims(ledger: Ledger) -> None:
    if not len(ledger):
        raise BadInput(
            "This ledger holds no claims.", expected="at least one", do='labkit.claims.ledger().lesson("00")'
        )


def _reach(assessment: Assessment) -> tuple[float, float]:
    """Return the ends of the axis: everything drawn, with room for the words at either end."""
    claim = assessment.claim
    points = [claim.null - claim.delta, claim.null + claim.delta, claim.null, claim.number_on_scale]
    points += [assessment.low, assessment.high, assessment.value]
    known = [point for point in points if point is not None]
    low, high = min(known), max(known)
    room = 0.18 * (high - low) or max(1.0, abs(low))
    return low - room, high + room


def _say(ax: Axes, x: float, y: float, text: str) -> None:
    """Write over whatever lines pass there."""
    ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5}
    ax.annotate(shorten(text, 90), (x, y), ha="center", va="center", fontsize=SIZES["tick"], color=INK, bbox=ground)


DRAWINGS = {
    "Assessment": Drawing(paint, describe, lambda assessment: (8.6, 2.5)),
    "Ledger": Drawing(paint_ledger, describe_ledger, lambda ledger: (8.6, 2.5 * max(1, len(ledger)))),
}
