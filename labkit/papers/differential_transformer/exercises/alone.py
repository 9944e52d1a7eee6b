"""Exercise 04.3: each map by itself, found on the shipped model with nothing but a number for λ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ALONE"]

MODEL = "needle/diff"
_FAR = 1e6
_NEAR = 0.015  # λ = −100 leaves a hundredth of A1, which moves no share further


def _cases() -> list[tuple[Any, Any]]:
    """Return (model, texts): the shipped model on three sets of texts, the last a single text; a fresh model."""
    from labkit.zoo import load

    from ..task import Needles
    from ..training import build

    shipped, fresh = load(MODEL), build("diff", 7).eval()
    return [
        (shipped, Needles(needles=12).draw(24, 31)),
        (shipped, Needles(length=160).draw(24, 32)),
        (shipped, Needles(needles=2, questions=1).draw(1, 33)),
        (fresh, Needles().draw(16, 34)),
    ]


def _at(lam: float) -> Callable[[Any, Any], float]:
    def found(model: ModelLike, texts: Any) -> float:
        from labkit.interventions import edit

        from ..experiments import find_needles
        from ..method import SetLambda

        with edit(model, SetLambda(lam)):
            return find_needles(model, texts).accuracy.value

    return found


def _with(first: float, second: float) -> Callable[[Any, Any, int], float]:
    return lambda model, texts, which: _at(first if which == 1 else second)(model, texts)


def _by_forward(model: ModelLike, texts: Any, which: int) -> float:
    """Return the same by hand: the other map's part is put out where the two are joined."""
    from labkit.anatomy import module_of

    from ..experiments import find_needles
    from ..method.edits import diff_attention

    mixer = diff_attention(module_of(model))
    plain = type(mixer).__mro__[1].attend

    def attend(q: Any, k: Any, v: Any, state: Any) -> Any:
        return mixer.norm(plain(mixer, q[:, which - 1 :: 2], k[:, which - 1 :: 2], v, state))

    vars(mixer)["attend"] = attend
    try:
        return find_needles(model, texts).accuracy.value
    finally:
        del vars(mixer)["attend"]


def _left_in(model: ModelLike, texts: Any, which: int) -> float:
    import torch

    from ..experiments import find_needles
    from ..method.edits import diff_attention

    diff_attention(model).lam.forward = lambda: torch.tensor(0.0 if which == 1 else -_FAR)
    return find_needles(model, texts).accuracy.value


def _check(alone: Callable[..., Any]) -> Outcome:
    from labkit.anatomy import fingerprint, module_of

    slips = (
        ((0.0, _FAR), "your second map comes with a minus: the answers are upside down.", "the sign of λ for A2 alone"),
        ((0.0, 1.0), "with λ = 1 both maps are there, one taken off the other.", "what remains of A1 when λ is large"),
        ((0.0, -1.0), "with λ = −1 both maps are there, added.", "what is left of A1 when |λ| is very large"),
        ((0.0, 0.0), "you measured A1 twice.", "`which`"),
        ((-_FAR, 0.0), "the two are exchanged.", "which map λ belongs to"),
        *(((0.0, lam), "part of A1 is still there.", "a |λ| so large that A1 no longer matters")
          for lam in (-3.0, -10.0, -30.0)),
    )  # fmt: skip
    missed: dict[int, int] = dict.fromkeys(range(len(slips)), 0)
    rights, found = 0, []
    for model, texts in _cases():
        before = fingerprint(model)
        own = _lambda(model)
        for which in (1, 2):
            got = alone(model, texts, which)
            got = getattr(got, "value", got)  # an Estimate holds the share
            if is_blank(got):
                raise NotAttempted
            if _lambda(model) != own or fingerprint(module_of(model)) != before:
                _repair(model)
                return wrong("the model is not what it was afterwards.", "with labkit.edit(...), which takes it back")
            if abs(float(got) - _with(0.0, -_FAR)(model, texts, which)) < _NEAR:
                rights += 1
            found.append(float(got))
            for number, (lams, _, _) in enumerate(slips):
                missed[number] += abs(float(got) - _with(*lams)(model, texts, which)) < _NEAR
    if rights == 8:
        return right(
            f"In the first texts A1 alone answers {found[0]:.0%} and A2 alone {found[1]:.0%}: each finds the needle by "
            "itself. The head norm takes any size away, so only the ratio of the two maps counts, and its sign."
        )
    best = max(missed, key=missed.__getitem__)
    if missed[best] == 8:
        return wrong(*slips[best][1:])
    return wrong("these are other shares of right answers.", "one SetLambda for each of the two maps")


def _lambda(model: ModelLike) -> float:
    from ..method.edits import diff_attention

    return diff_attention(model).lam().item()


def _repair(model: ModelLike) -> None:
    from ..method.edits import diff_attention

    vars(diff_attention(model).lam).pop("forward", None)


ALONE = Exercise(
    id="04.3",
    title="Each map alone",
    minutes=6,
    objective="find out on a model which of its two maps does the work",
    difficulty="hard",
    task=(
        "Which of the two maps finds the needle? Write `alone(model, texts, which)`: the share of right answers when "
        "the heads use map `which` (1 or 2) and nothing of the other, with nothing but `SetLambda`. Then say what the "
        "two numbers tell about the sum. A1 alone is easy. For A2, think of what the head norm does to size and sign."
    ),
    expects="a function of (model, texts, which) that returns a share",
    check=_check,
    hints=(
        "A1 − λ A2: which λ leaves A1 alone?",
        "The norm divides by the size. So A1 − λ A2 and (A1 − λ A2) / |λ| come out alike.",
        "Let |λ| grow until A1 no longer matters, and choose the sign so that A2 comes out with a plus.",
    ),
    solution=(
        "```python\n"
        "def alone(model, texts, which):\n"
        "    with labkit.edit(model, diff.SetLambda(0.0 if which == 1 else -1e6)):\n"
        "        return diff.find_needles(model, texts).accuracy.value\n"
        "```"
    ),
    answer=_with(0.0, -_FAR),
    typical_wrong=(
        (_with(0.0, _FAR), "upside down"),
        (_with(0.0, 1.0), "one taken off the other"),
        (_with(0.0, -1.0), "added"),
        (_with(0.0, 0.0), "twice"),
        (_with(-_FAR, 0.0), "exchanged"),
        (_with(0.0, -3.0), "still there"),
        (_with(0.0, -10.0), "still there"),
        (_left_in, "not what it was"),
    ),
)
ALSO_RIGHT = (_with(0.0, -1e5), _with(0.0, -100.0), _by_forward)
