"""Say whether the course can run here, and how to mend what is missing.

Exit code 0 when all is well, 1 when something needs mending. With --budgets the times and sizes that the course
promises are measured instead; this takes minutes. With --model NAME a model is tried: whether edits reach it and are
undone, and whether a sweep gives what the plain loop gives.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument(
        "--budgets", action="store_true", help="measure import, lessons, panels, sweeps against their limits"
    )
    parser.add_argument("--model", metavar="NAME", help="try a model: a shipped one, a folder, or one of the hub")


def run(options: argparse.Namespace) -> int:
    if options.model is not None:
        import labkit

        proof = labkit.check(labkit.load(options.model))
        print(json.dumps(proof.as_dict(), indent=1, ensure_ascii=False) if options.json else proof.table())
        return int(not proof.ok)
    if options.budgets:
        from .budgets import measure_all, render

        rows = measure_all()
        print(json.dumps(rows, indent=1, ensure_ascii=False) if options.json else render(rows))
        return int(any(row["ok"] is False for row in rows))
    from .health import examine

    report = examine()
    print(json.dumps(report, indent=1, ensure_ascii=False) if options.json else _in_words(report))
    return int(not report["ok"])


def _in_words(report: dict[str, Any]) -> str:
    memory, threads, encoder = report["memory"], report["threads"], report["encoder"]
    lines = [
        f"labkit {report['labkit']} · Python {report['python']} · {report['platform']}",
        "versions  " + ", ".join(f"{name} {found or 'missing'}" for name, found in report["versions"].items()),
        f"threads   {threads['torch']} of {threads['cores']} cores, device {report['device']}",
        "memory    " + ", ".join(f"{name[:-3]} {value} MB" for name, value in memory.items() if value is not None),
        "models    " + (", ".join(report["models"]) or "none"),
        f"encoder   {encoder['name']}" + ("" if encoder["present"] else f" is not here: {encoder['do']}"),
        "lessons   " + (", ".join(report["lessons"]) or "none"),
        f"your work {report['my']}",
    ]
    for problem in report["problems"]:
        lines += [f"✗ {problem['what']}", f"  fix: {problem['fix']}"]
    if report["ok"]:
        lines.append("✓ all is well")
    return "\n".join(lines)
