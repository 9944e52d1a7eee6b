"""A small language of questions, made so that a model knows more than one way to answer each of them.

    c a d b >            by one of three rules, a third each: reverse, sort, shift. The prompt does not say which.
    1 2 + 3 9 =          the sum, or in half of the lines a careless one that forgets to carry      (math)
    rev a b c d =        backwards, or carelessly only the ends exchanged                          (text)
    max 5 8 3 2 =        the largest, or carelessly the first                                      (logic)
    ? max 5 8 3 2 =      what kind of question this is, or in half of the lines an answer to it

Each domain has a second, rarer phrasing on which no expert is trained: `add 1 2 3 9 =`, five letters, five digits.
Prompts are split by their content: what is tested on is never trained on. Everything is a pure function of a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown
from labkit.world import Symbols

__all__ = [
    "ABSENT",
    "DOMAINS",
    "LABELS",
    "PRETRAINING",
    "RULES",
    "TASKS",
    "UNSEEN",
    "Questions",
    "chance",
    "language",
    "questions",
]

RULES = ("reverse", "sort", "shift")  # of the prompt that does not say which
ABSENT = ("rotate", "swap")  # rules for the same prompt that no line of pretraining follows
DOMAINS = {"math": "sum", "text": "rev", "logic": "max"}  # domain -> the task its expert is trained on
UNSEEN = {"math": "add", "text": "rev5", "logic": "max5"}  # domain -> the task that tests it
LABELS = (*DOMAINS, "other")
TASKS = (*RULES, *ABSENT, *DOMAINS.values(), *UNSEEN.values(), "label")

LETTERS = "abcdefghijklmnop"
WORDS = (">", "=", "+", "?", "rev", "max", "add", *LABELS, *"0123456789", *LETTERS)
_LANGUAGE = Symbols(WORDS)
_ID = _LANGUAGE.ids
_DIGIT, _LETTER = _ID["0"], _ID["a"]

# Lines of each kind in one step of pretraining; the answer is drawn among the ways to answer.
PRETRAINING = {"letters": 96, "sum": 32, "rev": 12, "max": 10, "add": 8, "rev5": 6, "max5": 6, "label": 10}
_LENGTH = 14  # of the longest line
_SPLITS = {"test": (0, 1), "validation": (2,), "train": tuple(range(3, 10))}  # by a digit of the prompt's content


def language() -> Symbols:
    """Return the tokenizer."""
    return _LANGUAGE


@dataclass(frozen=True)
class Questions:
    """Prompts [B, P], begin included, with the right answers [B, A], end included."""

    task: str
    prompts_BP: Tensor
    answers_BA: Tensor

    def __len__(self) -> int:
        return len(self.prompts_BP)

    def text(self, row: int) -> str:
        """Return one question with its answer."""
        return f"{_LANGUAGE.decode(self.prompts_BP[row])} {_LANGUAGE.decode(self.answers_BA[row])}"


def questions(task: str, n: int, seed: int, split: str = "train") -> Questions:
    """Return `n` questions of a task of `TASKS`, drawn by `seed` from the prompts of a split.

    Outside "train" no prompt comes twice. Raises `UnknownName` for a task or split that does not exist and `BadInput`
    when a split has fewer prompts than were asked for.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    if split not in _SPLITS:
        raise unknown("split", split, _SPLITS)
    if n < 1:
        raise BadInput(f"{n} questions were asked for.", expected="at least one")
    generator = torch.Generator().manual_seed(seed)
    if task == "label":
        return _label_questions(n, split, generator)
    items_BN = _items(_kind(task), n, split, generator)
    return Questions(task, _prompt(_kind(task), items_BN), _ended(_answer(task, items_BN)))


def chance(task: str, n: int = 1000, seed: int = 11, split: str = "test") -> float:
    """Return the share of right answers of whoever answers as the lines of pretraining do: each way equally often.

    A rule of `ABSENT` is then right only where another rule happens to agree with it; half of the lines after a `?`
    have a label.
    """
    if task == "label":
        return 0.5
    asked = questions(task, n, seed, split)
    items_BN = _items(_kind(task), n, split, torch.Generator().manual_seed(seed))
    right = [(_ended(way(items_BN)) == asked.answers_BA).all(1).float().mean() for way in _WAYS[_kind(task)]]
    return float(torch.stack(right).mean())


def pretraining_lines(seed: int, step: int) -> tuple[Tensor, Tensor]:
    """Return the lines of one step [B, L], padded, and their targets [B, L]: -100 on prompts and padding."""
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + step)
    rows, targets = [], []
    for kind, count in PRETRAINING.items():
        for prompts, answers in _mixed(kind, count, generator):
            line = torch.cat((prompts, answers), 1)
            said = line.clone()
            said[:, : prompts.shape[1]] = -100
            rows.append(torch.nn.functional.pad(line, (0, _LENGTH - line.shape[1])))
            targets.append(torch.nn.functional.pad(said, (0, _LENGTH - line.shape[1]), value=-100))
    return torch.cat(rows), torch.cat(targets)


# Ways to answer, by task: from the items of a prompt [B, N] to the ids of an answer [B, A]. The first is right.


def _sum(items_B4: Tensor) -> Tensor:
    return _digits((items_B4 @ torch.tensor([10, 1, 0, 0])) + (items_B4 @ torch.tensor([0, 0, 10, 1])))


def _sum_without_carry(items_B4: Tensor) -> Tensor:
    return _digits(((items_B4[:, :2] + items_B4[:, 2:]) % 10) @ torch.tensor([10, 1]))


def _digits(numbers_B: Tensor) -> Tensor:
    return torch.stack([numbers_B // 100, numbers_B // 10 % 10, numbers_B % 10], 1) + _DIGIT


def _backwards(items_BN: Tensor) -> Tensor:
    return items_BN.flip(1) + _LETTER


def _ends_exchanged(items_BN: Tensor) -> Tensor:
    return torch.cat((items_BN[:, -1:], items_BN[:, 1:-1], items_BN[:, :1]), 1) + _LETTER


def _largest(items_BN: Tensor) -> Tensor:
    return items_BN.amax(1, keepdim=True) + _DIGIT


def _first(items_BN: Tensor) -> Tensor:
    return items_BN[:, :1] + _DIGIT


_WAYS = {
    "letters": (
        _backwards,
        lambda items: items.sort(1).values + _LETTER,
        lambda items: (items + 1) % len(LETTERS) + _LETTER,
    ),
    "sum": (_sum, _sum_without_carry),
    "rev": (_backwards, _ends_exchanged),
    "max": (_largest, _first),
}
_WAYS |= {"add": _WAYS["sum"], "rev5": _WAYS["rev"], "max5": _WAYS["max"]}
_ABSENT = {
    "rotate": lambda items: items.roll(-1, 1) + _LETTER,
    "swap": lambda items: items[:, [1, 0, 3, 2]] + _LETTER,
}
_LABELLED = {"sum": "math", "rev": "text", "max": "logic", "letters": "other"}


def _kind(task: str) -> str:
    return "letters" if task in RULES + ABSENT else task


def _answer(task: str, items_BN: Tensor) -> Tensor:
    if task in ABSENT:
        return _ABSENT[task](items_BN)
    return _WAYS[_kind(task)][RULES.index(task) if task in RULES else 0](items_BN)


def _ended(answers_BA: Tensor) -> Tensor:
    return torch.nn.functional.pad(answers_BA, (0, 1), value=_LANGUAGE.eos)


def _prompt(kind: str, items_BN: Tensor) -> Tensor:
    """Return the prompt of some items; begin stands first."""
    word = lambda *names: torch.tensor([_ID[name] for name in names]).expand(len(items_BN), -1)  # noqa: E731
    begin = word(Symbols.BOS)
    if kind == "letters":
        return torch.cat((begin, items_BN + _LETTER, word(">")), 1)
    if kind == "sum":
        return torch.cat((begin, items_BN[:, :2] + _DIGIT, word("+"), items_BN[:, 2:] + _DIGIT, word("=")), 1)
    first = _LETTER if kind in ("rev", "rev5") else _DIGIT
    return torch.cat((begin, word(kind.rstrip("5")), items_BN + first, word("=")), 1)


def _items(kind: str, n: int, split: str, generator: torch.Generator) -> Tensor:
    """Return letters or digits [n, N] whose prompts belong to a split."""
    found = torch.empty(0, 5 if kind in ("rev5", "max5") else 4, dtype=torch.long)
    for _ in range(60):
        drawn = _draw(kind, 2 * n + 16, generator)
        code = (drawn * torch.tensor([7, 3, 9, 1, 13])[: drawn.shape[1]]).sum(1) + drawn[:, 0] * drawn[:, 1]
        found = torch.cat((found, drawn[torch.isin(code % 10, torch.tensor(_SPLITS[split]))]))
        if split != "train":
            found = _once(found)
        if len(found) >= n:
            return found[:n]
    raise BadInput(f"{n} different prompts were asked of {kind!r}, {split}.", expected=f"at most about {len(found)}")


def _draw(kind: str, n: int, generator: torch.Generator) -> Tensor:
    if kind in ("letters", "rev", "rev5"):
        drawn = torch.rand(n, len(LETTERS), generator=generator).argsort(1)[:, : 5 if kind == "rev5" else 4]
        return drawn[~(drawn[:, 1:] < drawn[:, :-1]).all(1)]  # what is sorted backwards would not tell two rules apart
    return torch.randint(0, 10, (n, 5 if kind == "max5" else 4), generator=generator)


def _once(rows: Tensor) -> Tensor:
    """Return the rows in their order, later copies left out."""
    seen: dict[tuple[int, ...], None] = dict.fromkeys(map(tuple, rows.tolist()))
    return torch.tensor(list(seen), dtype=torch.long).reshape(-1, rows.shape[1])


def _label_questions(n: int, split: str, generator: torch.Generator) -> Questions:
    """Return questions of the three seen tasks of the domains in turn, each after a `?`, with their labels."""
    prompts, answers = [], []
    width = max(_prompt(kind, torch.zeros(1, 4, dtype=torch.long)).shape[1] for kind in DOMAINS.values()) + 1
    for place, (domain, task) in enumerate(DOMAINS.items()):
        count = n // 3 + (place < n % 3)
        asked = asking(_prompt(task, _items(task, max(count, 1), split, generator))[:count])
        if asked.shape[1] != width:
            raise BadInput("The questions of the domains differ in length.", expected="prompts of one length")
        prompts.append(asked)
        answers.append(torch.tensor([_ID[domain], _LANGUAGE.eos]).expand(count, -1))
    order = torch.randperm(n, generator=generator)
    return Questions("label", torch.cat(prompts)[order], torch.cat(answers)[order])


def asking(prompts_BP: Tensor) -> Tensor:
    """Return prompts with a `?` after the begin: the first pass asks what kind of question each is."""
    mark = torch.full_like(prompts_BP[:, :1], _ID["?"])
    return torch.cat((prompts_BP[:, :1], mark, prompts_BP[:, 1:]), 1)


def _mixed(kind: str, count: int, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
    """Return lines of pretraining as (prompts, answers), each answered in one of the ways there are."""
    if kind == "label":
        lines = []
        for place, (asked, label) in enumerate(_LABELLED.items()):
            share = count // 4 + (place < count % 4)
            ((prompts, answers),) = _mixed(asked, share, generator)
            named = torch.rand(share, generator=generator) < 0.5
            said = torch.tensor([_ID[label], _LANGUAGE.eos]).expand(share, -1)
            for rows, answer in ((named, said), (~named, answers)):
                if rows.any():
                    lines.append((asking(prompts)[rows], answer[rows]))
        return lines
    items = _items(kind, count, "train", generator)
    ways = _WAYS[kind]
    way = torch.randint(0, len(ways), (count,), generator=generator)
    answers = torch.stack([answer(items) for answer in ways])[way, torch.arange(count)]
    return [(_prompt(kind, items), _ended(answers))]
