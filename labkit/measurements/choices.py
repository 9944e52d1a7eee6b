"""Multiple choice: which of the offered continuations does the model find most probable?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.zoo.finite import where_it_begins

from .estimate import Estimate, proportion
from .measures import ChoiceMeasure, scores
from .runs import checked_documents

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["ChoiceAccuracy", "Question", "as_questions", "choice_accuracy"]


@dataclass(frozen=True)
class Question:
    """A prompt (token ids), at least two options (token ids each), and which of them is right (from 0)."""

    prompt: Sequence[int]
    options: Sequence[Sequence[int]]
    answer: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", tuple(int(token) for token in self.prompt))
        options = tuple(tuple(int(token) for token in option) for option in self.options)
        object.__setattr__(self, "options", options)
        if not self.prompt or len(options) < 2 or not all(options):
            raise BadInput(
                f"A question has a prompt of {len(self.prompt)} tokens and {len(options)} options "
                f"of {[len(option) for option in options]} tokens.",
                expected="at least one token of prompt (BOS will do) and two options of at least one token each",
            )
        if not 0 <= self.answer < len(options):
            raise BadInput(f"Option {self.answer} is said to be right.", expected=f"0 to {len(options) - 1}")


def as_questions(model: ModelLike, questions: Sequence) -> list[Question]:
    """Return questions in token ids; text ones (`world.questions`) are encoded by the handle, options after prompts.

    Encoded alone, an option could fall into other pieces than it does where it is asked.
    """
    return [one if isinstance(one, Question) else _encoded(model, one) for one in questions]


def _encoded(model: ModelLike, question: Any) -> Question:
    if not hasattr(model, "encode"):
        raise BadInput(
            "The questions are text and the model came without a tokenizer.",
            expected="what labkit.load returns, or questions in token ids",
        )
    prompt = model.encode(question.prompt).tolist()
    whole = [model.encode(question.prompt + option).tolist() for option in question.options]
    if any(ids[: len(prompt)] != prompt for ids in whole):
        raise BadInput(
            f"An option changes how the end of its prompt is cut into pieces: …{question.prompt[-30:]!r}.",
            expected="options that begin with a space, after a prompt that ends without one",
        )
    return Question(prompt, [ids[len(prompt) :] for ids in whole], question.answer)


@dataclass(frozen=True, kw_only=True)
class ChoiceAccuracy(Estimate):
    """Share of questions answered right; `null` is the chance level. `log_probs`: each option's score in nats."""

    log_probs: tuple[tuple[float, ...], ...] = field(default=(), repr=False)
    answers: tuple[int, ...] = field(default=(), repr=False)

    @property
    def margins(self) -> tuple[float, ...]:
        """Nats by which the right option leads the best wrong one (negative: it trails), per question."""
        return tuple(
            options[answer] - max(value for number, value in enumerate(options) if number != answer)
            for options, answer in zip(self.log_probs, self.answers)
        )


def choice_accuracy(
    model: ModelLike, questions: Sequence[Question], *, per_token: bool = False, level: float = 0.95
) -> ChoiceAccuracy:
    """Return how often the right option has the highest log-probability given its prompt, with Wilson's interval.

    An option's score is the sum of its tokens' log-probabilities, which favours short options; `per_token=True`
    divides by their number instead (acc_norm of the evaluation harness, in tokens). Options within 1e-4 nats of
    the best are tied: a right one among k tied counts 1/k, what guessing among them would earn.
    The null is the chance level: the mean of 1 / number of options. Text questions are read by the handle's tokenizer.
    """
    if not questions:
        raise BadInput("There are no questions to ask.", expected="a list of Question")
    questions = as_questions(model, questions)
    asked = ChoiceMeasure(tuple(questions), per_token)
    found = scores(model, checked_documents(model, asked.documents, shortest=1), asked)
    for number, options in enumerate(asked.by_question(found)):
        if any(map(math.isnan, options)):
            raise BadInput(
                f"The model's answer to question {number} is no number (NaN), so no share can be counted. "
                f"NaN first appears in {where_it_begins(model, questions[number].prompt)}.",
                expected="finite logits",
                do="look there for a weight or an edit that overflows; load the model in float32",
            )
    right, _ = asked.fold(found, [])
    log_probs = tuple(map(tuple, asked.by_question(found)))
    chance = sum(1 / len(question.options) for question in questions) / len(questions)
    share = proportion(right, name="choice accuracy", level=level, null=chance)
    answers = tuple(question.answer for question in questions)
    return ChoiceAccuracy(**asdict(share), log_probs=log_probs, answers=answers)
