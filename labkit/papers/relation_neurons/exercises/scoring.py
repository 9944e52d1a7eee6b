"""The bug hunt: a scoring rule that counts answers which are wrong."""

from __future__ import annotations

from functools import cache

from labkit.course import Exercise, number

__all__ = ["SCORE", "TOO_KIND", "kindly_right"]

SCORE = "find the answers that a scoring rule counts and should not"


def kindly_right(said: str, answer: str) -> bool:
    """Say whether two generated words begin the answer: the rule of the paper, which this lesson has used so far."""
    return answer.split()[:2] == said.split()[:2]


@cache
def _counts() -> dict[str, int]:
    """Return how the early model's constellations are answered, by several ways of counting."""
    from labkit.zoo import load

    from ..experiments import RelationStudy

    study = RelationStudy.of(load("lab/facts_early"))
    questions = study.quiz("named", ["constellation"]).questions
    said = [study.model.generate(q.prompt, 3).removeprefix(q.prompt).strip() for q in questions]
    kind = [kindly_right(one, q.object) for one, q in zip(said, questions)]
    whole = [one == q.object for one, q in zip(said, questions)]
    return {"kind": sum(kind), "whole": sum(whole), "all": len(questions), "between": sum(kind) - sum(whole)}


TOO_KIND = Exercise(
    id="11.3",
    title="The scorer that counts wrong answers",
    minutes=6,
    objective=SCORE,
    difficulty="hard",
    task=(
        "The paper calls an answer right if the first **two** generated tokens begin it; so has this lesson. Names of "
        "constellations have three words: *the Crowned Ship*. Let `lab/facts_early` (`early`), with nothing cut, say "
        "three words to each of the 60 held-out questions about constellations, and read them. (A question's "
        "`object` is the right name.) How many answers does `kindly_right` count that are **wrong** as a whole?"
    ),
    expects="a whole number from 0 to 60",
    check=number(
        lambda: _counts()["between"],
        "The rule measures the first two words, and no table says so. Four constellations share them: free points, and "
        "more of them the less a model knows.",
        tol=0.1,
        mistakes=[
            (
                lambda: _counts()["kind"],
                "you counted all that the rule calls right, or no whole name equalled yours.",
                "the third word of each; question.object, without spaces or a full stop around what was said",
            ),
            (
                lambda: _counts()["all"],
                "all 60 are wrong with you, so no name equalled what was said.",
                "question.object, without spaces or a full stop around what was said",
            ),
            (lambda: _counts()["whole"], "you counted the answers that are right as a whole.", "the others"),
            (
                lambda: _counts()["all"] - _counts()["whole"],
                "you counted all wrong answers, also those that the rule calls wrong.",
                "which of them kindly_right lets pass",
            ),
            (lambda: _counts()["all"] - _counts()["kind"], "these are the rule's own wrongs.", "what it calls right"),
            (
                lambda: _counts()["between"] / _counts()["all"],
                "you gave a share.",
                "a number of questions is asked for",
            ),
            (0.0, "you asked lab/facts, or compared two words again.", "early, and the third word"),
        ],
        otherwise=("this is another number.", 'the 60 questions of half_way.quiz("named", ["constellation"])'),
    ),
    hints=(
        "Generate three words for each question and compare with the whole name.",
        "Two counts are needed: right by the rule, and right as a whole.",
        "Loop over the questions; early.generate(question.prompt, 3) returns prompt and answer together.",
    ),
    solution=(
        "```python\n"
        'questions = half_way.quiz("named", ["constellation"]).questions\n'
        "said = [early.generate(q.prompt, 3).removeprefix(q.prompt).strip() for q in questions]\n"
        "sum(kindly_right(s, q.object) and s != q.object for s, q in zip(said, questions))\n"
        "```\n"
        "Six pairs of first words (*the Crowned*) are shared by four constellations each."
    ),
    answer=14,
    typical_wrong=(
        (45, "rule calls right"),
        (31, "right as a whole"),
        (29, "all wrong answers"),
        (15, "rule's own wrongs"),
        (60, "all 60 are wrong"),
        (14 / 60, "a share"),
        (0, "compared two words"),
    ),
)
