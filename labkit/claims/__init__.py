"""The ledger: what the papers say beside what we measured, with a verdict by rule.

`ledger()` reads the claims, `assess(claim)` recomputes value, interval and verdict from the committed records, and
`measure(id)` runs the experiment again. Nothing here needs torch until something is measured.
"""

from .assessment import Assessment, Ledger, assess, ledger
from .entry import Claim
from .measuring import measure, pilot, register
from .records import Measured
from .render import as_json, render_counts, render_markdown, render_page, render_terminal
from .rule import verdict

__all__ = [
    "Assessment",
    "Claim",
    "Ledger",
    "Measured",
    "as_json",
    "assess",
    "ledger",
    "measure",
    "pilot",
    "register",
    "render_counts",
    "render_markdown",
    "render_page",
    "render_terminal",
    "verdict",
]
