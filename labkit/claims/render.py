"""The ledger as a reader meets it: in a terminal, in a lesson or the README, and as JSON."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from textwrap import fill
from typing import Any

from labkit.base.numbers import known, number

from .assessment import Assessment, Ledger, assess, ledger
from .entry import Claim

__all__ = ["as_json", "render_counts", "render_markdown", "render_page", "render_terminal"]

COLUMNS = 100
SYMBOLS = {
    "reproduced": "●",
    "direction": "◐",
    "absent here": "○",
    "contradicted": "✕",
    "unresolved": "?",
    "exact": "●",
    "not exact": "✕",
    "not run": "–",
    "works as constructed": "■",
    "observation": "▫",
}


def as_json(claims: Ledger | None = None) -> list[dict[str, Any]]:
    """Return one plain dictionary per claim: id, lesson, kind, paper, ours, null, delta, verdict."""
    claims = claims or ledger()
    return [_plain(assess(claim, claims.folder, aged=True)) for claim in claims]


def render_terminal(claims: Ledger | None = None) -> str:
    """Return the ledger as text, one claim in a few short lines, its verdict first."""
    claims = claims or ledger()
    if not len(claims):
        return "The ledger holds no claims yet."
    return "\n\n".join(_paragraph(assess(claim, claims.folder)) for claim in claims)


def render_markdown(lesson: str | None = None, folder: Path | None = None, *, aged: bool = False) -> str:
    """Return the claims of a lesson (of all, without one) as Markdown tables: the papers' sentences, then ours.

    `aged`: say also which records older code measured.
    """
    claims = ledger(folder)
    claims = claims.lesson(lesson) if lesson else claims
    tables = []
    for title, ours in (("", False), ("Observations of ours, which no paper states:", True)):
        rows = [claim for claim in claims if (claim.standing == "observation") == ours]
        if rows:
            head = ["| claim | the paper | ours | null | ±δ | verdict |", "| --- | --- | --- | --- | --- | --- |"]
            table = "\n".join([*head, *(_row(assess(claim, claims.folder, aged=aged)) for claim in rows)])
            tables.append(f"{title}\n\n{table}" if title else table)
    return "\n\n".join(tables)


def render_counts(folder: Path | None = None) -> str:
    """Return how many claims of each lesson came to each verdict, as a Markdown table for the README."""
    claims = ledger(folder)
    counts: dict[str, Counter[str]] = {}
    for claim in claims:
        counts.setdefault(claim.lesson, Counter())[assess(claim, claims.folder).verdict] += 1
    seen = [verdict for verdict in SYMBOLS if any(verdict in count for count in counts.values())]
    head = ["| lesson | " + " | ".join(f"{SYMBOLS[verdict]} {verdict}" for verdict in seen) + " |"]
    head.append("| --- |" + " --- |" * len(seen))
    rows = [f"| {lesson} | " + " | ".join(str(count[v] or "") for v in seen) + " |" for lesson, count in counts.items()]
    return "\n".join([*head, *rows])


def render_page(folder: Path | None = None) -> str:
    """Return the whole ledger as a page: a table for each lesson."""
    blocks = [
        "# The ledger of claims",
        "Each sentence of a paper beside what was measured here. A verdict is given by rule, not by taste: the value's "
        "95% interval against the null (what nothing at all would give) and the margin δ, all three fixed before the "
        "measurement. `labkit claims --run ID` measures one again.",
    ]
    for lesson in dict.fromkeys(claim.lesson for claim in ledger(folder)):
        blocks += [f"## Lesson {lesson}", render_markdown(lesson, folder, aged=True)]
    return "\n\n".join(blocks) + "\n"


def ours_in_words(assessment: Assessment) -> str:
    """Return our value with its interval and units, such as "0.31 [0.27, 0.36], 64 documents"."""
    if assessment.value is None:
        return "–"
    units = f"{assessment.n} {assessment.over if assessment.n != 1 else assessment.over.rstrip('s')}"
    if assessment.claim.exact:
        return f"worst {number(assessment.value)}, {units}"
    return f"{number(assessment.value)} [{number(assessment.low)}, {number(assessment.high)}], {units}"


def verdict_in_words(assessment: Assessment) -> str:
    """Return the verdict, with its reason where the word alone leaves the reader wondering."""
    aged = " (measured by older code)" if assessment.stale else ""
    if assessment.verdict in ("direction", "unresolved", "not run"):
        return f"{assessment.verdict}: {assessment.reason}{aged}"
    return assessment.verdict + aged


def paper_in_words(claim: Claim, *, linked: bool = False) -> str:
    """Return what the paper states and where, or that no paper does."""
    if claim.number is None:
        return "–"
    link = (
        f"[arXiv {claim.paper.arxiv}](https://arxiv.org/abs/{claim.paper.arxiv})"
        if linked
        else f"arXiv {claim.paper.arxiv}"
    )
    return f"{claim.number} ({claim.setting}; {link}, {claim.place})"


def _plain(assessment: Assessment) -> dict[str, Any]:
    claim = assessment.claim
    paper = None
    if claim.paper is not None:
        paper = {
            "authors": claim.paper.authors,
            "title": claim.paper.title,
            "arxiv": claim.paper.arxiv,
            "year": claim.paper.year,
            "number": claim.number,
            "number_on_scale": claim.number_on_scale,
            "setting": claim.setting,
            "place": claim.place,
        }
    ours = {name: getattr(assessment, name) for name in ("value", "low", "high", "n", "over")}
    return {
        "id": claim.id,
        "lesson": claim.lesson,
        "kind": claim.kind,
        "paper": paper,
        "ours": ours,
        "null": claim.null,
        "delta": claim.delta,
        "verdict": assessment.verdict,
        "standing": claim.standing,
        "stale": assessment.stale,
    }


def _paragraph(assessment: Assessment) -> str:
    claim = assessment.claim
    lines = [
        fill(
            f"{SYMBOLS[assessment.verdict]} {claim.id}  {verdict_in_words(assessment)}", COLUMNS, subsequent_indent="  "
        ),
        _line("claim", claim.sentence),
    ]
    if claim.number is not None:
        lines.append(_line("paper", paper_in_words(claim)))
    if assessment.value is not None:
        lines.append(_line("ours", f"{ours_in_words(assessment)}; {_test_in_words(claim)}"))
        lines.append(_line("scale", claim.scale))
    if assessment.verdict == "unresolved":
        lines.append(_line("settle", claim.settles))
    return "\n".join(lines)


def _line(name: str, text: str) -> str:
    return fill(text, COLUMNS, initial_indent=f"  {name:<8}", subsequent_indent=" " * 10)


def _test_in_words(claim: Claim) -> str:
    if claim.exact:
        return f"exact value {known(claim.null)}, tolerance {known(claim.delta)}"
    return f"null {known(claim.null)}, margin ±{known(claim.delta)}"


def _row(assessment: Assessment) -> str:
    claim = assessment.claim
    cells = (
        f"{claim.sentence} ({claim.scale})",
        paper_in_words(claim, linked=True),
        ours_in_words(assessment),
        known(claim.null),
        known(claim.delta),
        f"{SYMBOLS[assessment.verdict]} {verdict_in_words(assessment)}",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
