"""How a plan is known in a sweep: by its tables, which any process can read, with torch or without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["plan_key", "plan_label", "plan_tables"]


def plan_tables(plan: Any) -> tuple[Mapping[str, Any], ...]:
    """Return one table per edit for a plan, an edit, a list of edits, or what is a table already."""
    if isinstance(plan, Mapping):
        return (plan,)
    if isinstance(plan, list | tuple) and all(isinstance(item, Mapping) for item in plan):
        return tuple(plan)
    from labkit.interventions import Plan  # who holds an edit has imported torch already

    return tuple(Plan(plan).as_tables())


def plan_key(plan: Any) -> str:
    """Return the same text for the same edits in the same order, in memory or from a file."""
    return json.dumps(plan_tables(plan), sort_keys=True, ensure_ascii=False)


def plan_label(plan: Any) -> str:
    """Return a plan's edits as one line; a table without its class shows its fields."""
    if isinstance(plan, Mapping):
        return " ".join(str(value) for value in plan.values())
    if isinstance(plan, list | tuple) or hasattr(plan, "edits"):
        return "; ".join(map(plan_label, plan)) or "no edits"
    return str(plan)
