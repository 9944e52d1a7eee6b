"""Exercise 02.3: one cut that the loss hardly sees, and that takes a skill away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.base.errors import LabkitError
from labkit.course.exercises import Exercise, Outcome, right, wrong

__all__ = ["QUIET"]

OBJECTIVE = "test a cut by what the model can still do, not by the loss alone"
QUESTIONS, TEXTS, SEED = 24, 8, 77
MOST_RISE, MOST_SHARE = 0.2, 0.6


def damage(edits: Any) -> tuple[float, float, float]:
    """Return what a cut of lab/deep costs: rise of the loss in nats, and the share of days whose lantern holder it
    still names, intact and cut."""
    from labkit import load, world
    from labkit.interventions import edit
    from labkit.measurements import choice_accuracy, loss

    deep = load("lab/deep")
    texts = [story.text for story in world.documents("stories", TEXTS, SEED, split="valid")]
    asked = world.questions(QUESTIONS, SEED, "valid")

    def both() -> tuple[float, float]:
        return loss(deep, texts).value, choice_accuracy(deep, asked).value

    before, knew = both()
    with edit(deep, edits):
        after, knows = both()
    return after - before, knew, knows


def _check_quiet(given: Any) -> Outcome:
    from labkit import load
    from labkit.interventions import Plan, dropped

    if isinstance(given, type):
        return wrong(f"this is a kind of edit, {given.__name__}, of no layer yet.", "labkit.DropMLP(3)")
    try:
        plan = Plan(given() if callable(given) else given)
        dropped(load("lab/deep"), plan)
    except LabkitError as error:
        return wrong(f"{str(error).splitlines()[0]}", "an edit such as labkit.DropMLP(3), of a layer from 0 to 11")
    if [edit.kind in ("drop_attention", "drop_mlp") for edit in plan] != [True]:
        given = ", ".join(map(str, plan)) or "nothing"
        return wrong(f"one part is to be left out, and this is {given}.", "DropAttention and DropMLP")
    rise, knew, knows = damage(plan)
    if rise > MOST_RISE:
        return wrong(
            f"that is loud: the loss rises by {rise:.2f} nats a token, and anybody would notice.",
            "the picture of section 1: which bars stay below 0.2",
        )
    if knows > MOST_SHARE:
        return wrong(
            f"the loss rises by {rise:.3f}, and it still knows who has the lantern in {knows:.0%} of the days.",
            "what was dropped in the race just when the lantern was lost",
        )
    return right(
        f"The loss rises by {rise:.3f} nats a token, and the share of days whose lantern holder it names falls from "
        f"{knew:.0%} to {knows:.0%}. Other attentions cost as much loss, and the lantern stays."
    )


def _part(kind: str, layer: int) -> Callable[[], Any]:
    """Return a function that makes the edit: torch is imported when an answer is judged, not before."""

    def make() -> Any:
        from labkit import interventions

        return getattr(interventions, kind)(layer)

    return make


QUIET = Exercise(
    id="02.3",
    title="Break it quietly",
    minutes=6,
    objective=OBJECTIVE,
    difficulty="hard",
    task=(
        "“The loss has hardly risen, so the model can do what it could.” Break that claim with **one** part of "
        "lab/deep: leave it out, the loss rises by **less than 0.2** nats a token, and the model no longer knows who "
        "has the lantern (it is right in at most six of ten days; guessing finds a quarter). Give the edit, such as "
        "`labkit.DropMLP(3)`. You may try it in a panel first."
    ),
    expects="one edit: labkit.DropAttention(layer) or labkit.DropMLP(layer)",
    check=_check_quiet,
    hints=(
        "Who has the lantern stands in the text, some sentences back. Which kind of part fetches from there?",
        'In the race panel choose the skill "who has the lantern": at which drop does the line of the attentions fall?',
        'race.orders["attention"], after the race, names them in the order they go.',
    ),
    solution=(
        "`labkit.DropAttention(5)`. In the race it is the ninth attention to go, and there the lantern is lost. Other "
        "attentions cost as much loss, and the lantern stays."
    ),
    answer=_part("DropAttention", 5),
    typical_wrong=(
        (_part("DropAttention", 0), "that is loud"),
        (_part("DropAttention", 7), "still knows"),
        (_part("DropMLP", 5), "still knows"),
        (_part("DropBlock", 5), "one part is to be left out"),
        (_part("DropAttention", 12), "no layer 12"),
        ("attention 5", "is not an edit"),
    ),
)
