"""DIFF beside its controls wherever else it was trained: what each lead is, and where λ ended. Lesson: 04."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labkit.base.results import Result
from labkit.measurements.estimate import Estimate
from labkit.measurements.tables import text_table
from labkit.training import Runs

from .arms import Arms, compare_arms
from .further import SETUPS, compare_further, further_path
from .language import compare_language, language_path

__all__ = ["Elsewhere", "elsewhere"]

DIFF, CONTROLS = "diff", ("softmax 8×8", "normed 4×16")
# setup of `experiments.further` -> what is measured, on which texts, and in words
ASKED = {
    "two blocks": ("right", "longer, more needles", "right answers, harder texts"),
    "noise in the words": ("right", "longer, more needles", "right answers, harder texts"),
    "examples": ("right", "longer", "right answers, longer texts"),
    "habits": ("text", "as trained", "answers that follow the text"),
    "no smear": ("right", "as trained", "right answers"),
}
OTHERS = ("off by one", "sink", "gated")


@dataclass(frozen=True)
class Elsewhere(Result):
    """Leads of DIFF: (where, what is measured, control, DIFF minus control); and λ by layer after training."""

    leads: Sequence[tuple[str, str, str, Estimate]]
    lambdas: Mapping[str, Sequence[tuple[float, ...]]]

    def table(self) -> str:
        """Return one row a lead, with its interval over seeds, and the λ of every seed below."""
        rows = [
            [where, what, control, f"{lead.value:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}]", f"{lead.n}"]
            for where, what, control, lead in self.leads
        ]
        lines = [text_table(["where", "measured", "control", "DIFF minus control", "seeds"], rows), ""]
        for where, seeds in self.lambdas.items():
            lines.append(f"λ, {where}: " + "; ".join(" ".join(f"{lam:+.2f}" for lam in layers) for layers in seeds))
        return "\n".join(lines)


def elsewhere() -> Elsewhere:
    """Return DIFF's leads in the setups beside the claims, over other softmaxes, and on the course's world.

    Each arm stands at the rate that was best for it on a seed of its own, where more than one was tried.
    """
    places: list[tuple[str, str, Arms]] = [
        (
            setup,
            words,
            compare_further(setup, what, test, [arm for arm in (*CONTROLS, DIFF) if arm in SETUPS[setup].arms]),
        )
        for setup, (what, test, words) in ASKED.items()
    ]
    places.append(("the course's world", "nats a token", compare_language()))
    leads = [
        (where, words, control, arms.difference(control, DIFF))
        for where, words, arms in places for control in CONTROLS if control in arms.values
    ]  # fmt: skip
    harder = compare_arms("right, harder", (*OTHERS, DIFF))
    leads += [("the task", "right answers, harder texts", name, harder.difference(name, DIFF)) for name in OTHERS]
    table, text, lambdas = Runs(further_path()), Runs(language_path()), {}
    for where, _, arms in places:
        chosen = {"arm": DIFF, "lr": arms.rates[DIFF]}
        runs = table.where(setup=where, **chosen) if where in ASKED else text.where(**chosen)
        told = [run["lam"] for run in runs if run["seed"] in arms.values[DIFF]]
        lambdas[where] = [tuple(lam[-1] if where in ASKED else lam) for lam in told]
    return Elsewhere(leads, lambdas)
