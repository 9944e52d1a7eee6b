"""Questions with four answers of which one is right: what every model is asked before and after an operation.

A model answers by the log-probability of each option after the prompt. `prompt + option` is text as the world writes
it, and the prompt's tokens are always the first tokens of the whole. Chance is one in four.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from labkit.base.errors import BadInput

from .canon import GOODS, ISLANDS, NAMES, RELATIONS, fact
from .events import State
from .facts import TEMPLATES, statements
from .places import CALL, IS_ON
from .streams import Document, document

if TYPE_CHECKING:
    from .pieces import WorldTokenizer

__all__ = [
    "Question",
    "copying_questions",
    "facts_questions",
    "paraphrases",
    "places_questions",
    "questions",
    "recall_questions",
]

_OPTIONS = 4


@dataclass(frozen=True)
class Question:
    """A text to continue, four ways to do it (each with its space), and which one is right."""

    prompt: str
    options: tuple[str, ...]
    answer: int

    @property
    def right(self) -> str:
        """The right option, without its space."""
        return self.options[self.answer].strip()

    def encoded(self, tokenizer: WorldTokenizer) -> tuple[list[int], list[list[int]]]:
        """Return the prompt's ids (begin included) and the ids that each option adds to them.

        An option is encoded after its prompt: alone, its space would become a piece that the world never writes.
        """
        prompt = tokenizer.encode(self.prompt)
        added = [tokenizer.encode(self.prompt + option)[len(prompt) :] for option in self.options]
        return [tokenizer.bos, *prompt], added


def _question(rng: Random, prompt: str, right: str, wrong: Sequence[str]) -> Question:
    options = [right, *rng.sample(sorted(wrong), _OPTIONS - 1)]
    rng.shuffle(options)
    return Question(prompt, tuple(f" {option}" for option in options), options.index(right))


def _last_named(story: Document) -> str:
    """Return who of the day is named last before its question, the guess of a reader with no memory."""
    told = story.text[: story.text.rindex("?")]
    return max(story.state.cast, key=lambda name: told.rfind(f" {name}"))


def questions(n: int, seed: int, split: str = "test") -> list[Question]:
    """Return `n` questions who has the lantern at the end of a day; the options are the four people of the day.

    Cheap guesses are kept at chance or below: whoever had the lantern first never has it now, and whoever was named
    last has it in every fourth question.
    """
    made: list[Question] = []
    number = 0
    while len(made) < n:
        story = document("stories", number, seed, split)
        number += 1
        state = story.state
        if state.holder in (None, state.first_holder) or (_last_named(story) == state.holder) != (len(made) % 4 == 0):
            continue
        cut = story.text.rindex(f" {state.holder}")
        rng = Random(f"questions/{split}/{seed}/{number}")
        made.append(_question(rng, story.text[:cut], state.holder, [x for x in state.cast if x != state.holder]))
    return made


def facts_questions(n: int, seed: int, split: str = "test") -> list[Question]:
    """Return `n` questions for facts, in the split's own templates (unseen in training for `valid` and `test`)."""
    made = []
    for number in range(n):
        rng = Random(f"facts_questions/{split}/{seed}/{number}")
        name, relation = rng.choice(NAMES), rng.choice(tuple(RELATIONS))
        template, value = rng.choice(TEMPLATES[relation][split]), fact(name, relation)
        prompt = template.split(" {value}")[0].format(name=name)
        made.append(_question(rng, prompt, value, [other for other in RELATIONS[relation] if other != value]))
    return made


def recall_questions(n: int, seed: int, split: str = "test") -> list[Question]:
    """Return `n` questions who keeps what, answered by the list in the prompt; all options are goods of that list."""
    made: list[Question] = []
    number = 0
    while len(made) < n:
        told = document("recall", number, seed, split)
        number += 1
        keys = [key for key, _ in told.choices]
        goods = [key for key in keys if key in GOODS]
        right, text = goods[[key for key in keys if key in NAMES].index(keys[-1])], told.text
        if len(goods) >= _OPTIONS:
            rng = Random(f"recall_questions/{split}/{seed}/{number}")
            made.append(_question(rng, text[: text.rindex(" ")], right, [good for good in goods if good != right]))
    return made


def copying_questions(n: int, seed: int, split: str = "test") -> list[Question]:
    """Return `n` questions how a repeated list goes on; the wrong options are other words of it."""
    made: list[Question] = []
    number = 0
    while len(made) < n:
        text = document("copying", number, seed, split).text
        number += 1
        rng = Random(f"copying_questions/{split}/{seed}/{number}")
        head, again = text.split(" You say: ")
        words = again.rstrip(".").split()
        if len(set(words)) == len(words):
            at = rng.randrange(1, len(words))
            prompt = f"{head} You say: {' '.join(words[:at])}"
            made.append(_question(rng, prompt, words[at], [word for word in words if word != words[at]]))
    return made


def places_questions(n: int, seed: int, split: str = "test") -> list[Question]:
    """Return `n` questions where somebody who took the ferry is at the end of a day.

    Cheap guesses are kept low: islands that the day names come first among the wrong options, and the island where
    most of the others are is right in every fourth question only.
    """
    made: list[Question] = []
    number = 0
    while len(made) < n:
        told = document("places", number, seed, split)
        number += 1
        rng = Random(f"places_questions/{split}/{seed}/{number}")
        state, movers = told.state, _movers(told.state)
        if not movers:
            continue
        name = rng.choice(movers)
        others = Counter(place for other, place in state.place.items() if other != name)
        if (others.most_common(1)[0][0] == state.place[name]) != (len(made) % 4 == 0):
            continue
        prompt = told.text[: told.text.index(CALL)] + CALL + IS_ON.format(a=name)
        right = state.place[name]
        wrong = sorted((island for island in ISLANDS if island != right), key=lambda island: island not in prompt)
        made.append(_question(rng, prompt, right, wrong[: _OPTIONS - 1]))
    return made


def _movers(state: State) -> list[str]:
    return sorted({event[1] for event in state.events if event[0] in ("sail", "carry")})


def paraphrases(n: int, seed: int) -> list[tuple[str, ...]]:
    """Return `n` pairs of different sentences that state the same fact, no fact twice.

    The pairs of one relation differ from each other in name and value alone, so that a sentence has hundreds of near
    neighbours and one paraphrase.
    """
    rng = Random(f"paraphrases/{seed}")
    known = [(name, relation) for name in NAMES for relation in RELATIONS]
    if not 0 <= n <= len(known):
        raise BadInput(f"{n} pairs were asked for.", expected=f"0 to {len(known)}, the number of facts")
    return [tuple(rng.sample(statements(name, relation, "train"), 2)) for name, relation in rng.sample(known, n)]
