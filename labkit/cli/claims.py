"""Show what the papers claim beside what we measured, with a verdict by rule.

--run ID measures one claim again on its registered seeds and shows the outcome beside the committed one.
"""

from __future__ import annotations

import argparse
import json

from labkit.claims import Assessment

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON list on standard output")
    how.add_argument("--markdown", action="store_true", help="as a Markdown table")
    how.add_argument("--run", metavar="ID", dest="claim", help="measure one claim again")
    parser.add_argument("--lesson", metavar="NN", help="only the claims of one lesson")
    parser.add_argument("--write", action="store_true", help="with --run: replace the committed record")


def run(options: argparse.Namespace) -> int:
    from labkit.claims import as_json, ledger, render_markdown, render_terminal

    if options.claim:
        return _run(options.claim, options.write)
    claims = ledger()
    if options.lesson:
        claims = claims.lesson(options.lesson)
    if options.json:
        print(json.dumps(as_json(claims), indent=1, ensure_ascii=False))
    elif options.markdown:
        print(render_markdown(options.lesson))
    else:
        print(render_terminal(claims))
    return 0


def _run(claim_id: str, write: bool) -> int:
    from labkit.claims import assess, measure

    before = assess(claim_id)
    print(f"committed  {_line(before)}", flush=True)
    after = measure(claim_id, write=write)
    print(f"measured   {_line(after)}")
    same = (before.verdict, before.value) == (after.verdict, after.value)
    kept = "The record was replaced." if write else "Nothing was kept; with --write the record is replaced."
    shown = "The same in the digits shown." if _line(before) == _line(after) else "Different."
    print(f"{'The same.' if same else shown} {kept}")
    return 0


def _line(assessment: Assessment) -> str:
    value = assessment.value
    interval = "no record" if value is None else f"{value:.4g} [{assessment.low:.4g}, {assessment.high:.4g}]"
    return f"{interval}, n = {assessment.n} {assessment.over}: {assessment.verdict} ({assessment.reason})"
