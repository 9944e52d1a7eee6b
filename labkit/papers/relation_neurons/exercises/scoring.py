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
def _constellations() -> dict[str, int]:
    """Return how constellations are answered with a tenth of their neurons off, by several ways of counting."""
    from labkit.interventions import edit
    from labkit.zoo import load

    from ..experiments import RelationStudy, neurons_for
    from ..method import SilenceNeurons

    study = RelationStudy.of(load("lab/facts"))
    questions = study.quiz("named", ["constellation"]).questions
    off = SilenceNeurons(neurons_for(study, "constellation", study.layout.count(0.1)))
    with edit(study.model, off):
        said = [study.model.generate(q.prompt, 3).removeprefix(q.prompt).strip() for q in questions]
    kind = [kindly_right(one, q.object) for one, q in zip(said, questions)]
    whole = [one == q.object for one, q in zip(said, questions)]
    return {"kind": sum(kind), "whole": sum(whole), "all": len(questions), "between": sum(kind) - sum(whole)}


TOO_KIND = Exercise(
    id="11.3",
    title="The scorer that counts wrong answers",
    minutes=7,
    objective=SCORE,
    difficulty="hard",
    task=(
        "The paper calls an answer right if the first **two** generated tokens begin it; so has this lesson. Names of "
        "constellations have three words: *the Crowned Ship*. Switch off a tenth of the neurons of `constellation`, as "
        "in section 3, let the model say three words to each of the 60 held-out questions, and read them. How many "
        "answers does `kindly_right` count that are **wrong** as a whole?"
    ),
    expects="a whole number from 0 to 60",
    check=number(
        lambda: _constellations()["between"],
        "The rule measures the first two words, and says so nowhere in a table. Names that share them are free points.",
        tol=1.01,
        mistakes=[
            (lambda: _constellations()["kind"], "you counted all that the rule calls right.", "the third word of each"),
            (lambda: _constellations()["whole"], "you counted the answers that are right as a whole.", "the others"),
            (
                lambda: _constellations()["all"] - _constellations()["whole"],
                "you counted all wrong answers, also those that the rule calls wrong.",
                "which of them kindly_right lets pass",
            ),
            (
                lambda: _constellations()["all"] - _constellations()["kind"],
                "these are the rule's own wrongs.",
                "rights",
            ),
            (
                lambda: _constellations()["between"] / _constellations()["all"],
                "you gave a share.",
                "a number of questions is asked for",
            ),
            (0, "you asked the intact model, or compared two words again.", "edit(...), and the third word"),
        ],
        otherwise=("this is another number.", "the neurons: study.layout.count(0.1) of them; 60 held-out questions"),
    ),
    hints=(
        "Generate three words inside the edit, and compare with the whole name.",
        "Two counts are needed: right by the rule, and right as a whole.",
        "Loop over quiz.questions; model.generate(question.prompt, 3) returns prompt and answer together.",
    ),
    solution=(
        "```python\n"
        'quiz = study.quiz("named", ["constellation"])\n'
        'off = rn.SilenceNeurons(neurons_for(study, "constellation", study.layout.count(0.1)))\n'
        "with labkit.edit(facts, off):\n"
        "    said = [facts.generate(q.prompt, 3).removeprefix(q.prompt).strip() for q in quiz.questions]\n"
        "sum(kindly_right(s, q.object) and s != q.object for s, q in zip(said, quiz.questions))\n"
        "```\n"
        "Six first words are shared by four constellations each."
    ),
    answer=5,
    typical_wrong=((0, "intact"), (60, "another number"), ("the Crowned Ship", "could not be used")),
)
