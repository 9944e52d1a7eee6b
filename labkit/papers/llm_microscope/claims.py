"""What is measured for the claims of lesson 10. Subject: lab/deep, trained by next-token loss alone, as are the small
models of `scratch_change`.

Every function takes the number of units `n` and the registered `seeds`, and returns one value a unit. Documents and
questions are drawn by the first seed from texts that neither lab/deep nor a reader was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from statistics import fmean, median

from labkit.base.errors import BadInput
from labkit.claims.records import Measured
from labkit.claims.subjects import weights_hash
from labkit.zoo import Handle, load

from .experiments.causal import necessity
from .experiments.linear import associate
from .experiments.memory import Memory, gap, read_memory, test_stories
from .experiments.removal import strip_text
from .experiments.retrained import TwoByTwo, from_scratch, two_by_two
from .experiments.shape import shape_by_level
from .method.linearity import LinearMap, fit_linear, linearity
from .method.nonlinearity import fit_steps, nonlinearity
from .method.states import Cloud, cloud_of, states_of
from .task.documents import DISTRACTORS
from .task.passages import story_passages

__all__ = [
    "correlation",
    "ends_against_middle",
    "error_sums",
    "group_gap",
    "matched_context",
    "power_errors",
    "removal_change",
    "scratch_change",
    "states_needed",
    "with_residual",
    "without_residual_difference",
    "won_back",
]

SUBJECT, REFERENCE_SEED, REFERENCE = "lab/deep", 76, 40
# The paper's tags, in our closed lists: DT, ".", NN with NNS, JJ.
GROUPS = {
    "determiners": lambda piece, name: name in ("article", "determiner"),
    "sentence ends": lambda piece, name: name == "punctuation" and any(mark in piece for mark in ".?!"),
    "nouns": lambda piece, name: name == "noun",
    "adjectives": lambda piece, name: name == "adjective",
}


def group_gap(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per document the mean C of one group of tokens minus that of another, in nats a word."""
    memory, pieces = _memory(n, seeds[0]), load(SUBJECT).pieces
    inside = {name: list(map(GROUPS[name], pieces(memory.ids), memory.classes)) for name in (first, second)}
    values, units = [], []
    for document in dict.fromkeys(memory.document):
        means = []
        for name in (first, second):
            held = [c for c, one, yes in zip(memory.C, memory.document, inside[name]) if yes and one == document]
            means.append(fmean(held) if held else None)
        if None not in means:
            values.append(means[0] - means[1])
            units.append(f"story {document}")
    if len(values) < n:  # a short document may lack an adjective: enough others were drawn
        raise BadInput(f"{len(values)} of {n} stories have both groups.", expected=f"{n}", do="draw more stories")
    return _measured(values[:n], units[:n])


def correlation(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per document Pearson's r of C with the nonlinearity averaged over the steps."""
    documents = test_stories(n, seeds[0])
    E_NT = nonlinearity(cloud_of(load(SUBJECT), documents).h_STD, fit_steps(_reference().h_STD))
    found = associate(read_memory(documents), E_NT)
    return _measured(list(found.pearson.per_unit), [f"story {i}" for i in range(n)])


def with_residual(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per document the held-out linearity of the median step, with residual."""
    return _per_document(n, seeds[0], lambda with_, _: median(with_))


def without_residual_difference(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per document the median step's held-out linearity without residual, minus that with it."""
    return _per_document(n, seeds[0], lambda with_, without: median(without) - median(with_))


def ends_against_middle(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per document the mean linearity of the first and last step, minus the mean of those between."""
    return _per_document(n, seeds[0], lambda with_, _: (with_[0] + with_[-1]) / 2 - fmean(with_[1:-1]))


def removal_change(
    *, n: int, seeds: Sequence[int], condition: str, against: str = "intact", distractors: int = DISTRACTORS
) -> Measured:
    """Return per question whether it is answered right under a condition, minus whether under another."""
    passages = story_passages(n, seeds[0], distractors=distractors)
    found = strip_text(load(SUBJECT), passages, (against, condition), seed=seeds[0])
    return _measured(list(found.change(condition, against).per_unit), [f"question {i}" for i in range(n)])


def matched_context(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per document the context of a class of tokens minus that of matched tokens of another, nats a word."""
    found = gap(_memory(n, seeds[0]), first, second, "context", matched=True).difference.per_unit
    return _measured(list(found[:n]), [f"story {i}" for i in range(min(n, len(found)))])


def states_needed(*, n: int, seeds: Sequence[int], level: int, by: str = "mean") -> Measured:
    """Return per document the rise of the loss with the states of punctuation at a level replaced, minus the rise with
    as many others replaced, nats a token."""
    found = necessity(load(SUBJECT), test_stories(n, seeds[0]), at=[level], by=by, seed=seeds[0]).excess[0].per_unit
    return _measured(list(found), [f"story {i}" for i in range(n)])


def won_back(*, n: int, seeds: Sequence[int], arm: str) -> Measured:
    """Return per seed the accuracy of an arm on its own texts, minus that of the whole-text arm on whole ones."""
    values, units = _beside_whole(two_by_two(), arm, arm, seeds[:n])
    return _measured(values, units)


def scratch_change(*, n: int, seeds: Sequence[int], arm: str, test: str) -> Measured:
    """Return per seed the accuracy of an arm from scratch on a kind of text, minus whole texts read and asked about."""
    values, units = _beside_whole(from_scratch(), arm, test, seeds[:n])
    return Measured(values=tuple(values), units=tuple(units))


def _beside_whole(grid: TwoByTwo, arm: str, test: str, seeds: Sequence[int]) -> tuple[list[float], list[str]]:
    found, whole = grid.by_seed(arm, test), grid.by_seed("full", "intact")
    return [found[seed] - whole[seed] for seed in seeds], [f"seed {seed}" for seed in seeds]


def power_errors(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for every level by how much power iteration misses the exact anisotropy."""
    shape = shape_by_level(load(SUBJECT), test_stories(12, seeds[0]))
    values = [abs(a - b) for a, b in zip(shape.anisotropy, shape.by_power)]
    return _measured(values[:n], [f"level {i}" for i in range(n)])


def error_sums(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for every step Σ E² over the fitting tokens, plus the score, minus 1."""
    h_STD = cloud_of(load(SUBJECT), test_stories(12, seeds[0])).h_STD
    E_NT = nonlinearity(h_STD, fit_steps(h_STD))
    sums = E_NT.square().sum(1).tolist()
    values = [sums[i] + linearity(h_STD[i], h_STD[i + 1]) - 1 for i in range(len(sums))]
    return _measured(values[:n], [f"step {i}" for i in range(n)])


@cache
def _memory(n: int, seed: int) -> Memory:
    return read_memory(test_stories(n + n // 4, seed))


@cache
def _reference() -> Cloud:
    """Return the tokens on which the linear maps are fitted: over fifty a channel, of stories no claim looks at."""
    return cloud_of(load(SUBJECT), test_stories(REFERENCE, REFERENCE_SEED, "valid"))


@cache
def _maps() -> tuple[list[LinearMap], list[LinearMap]]:
    h_STD = _reference().h_STD
    return fit_steps(h_STD), [fit_linear(x, y - x) for x, y in pairwise(h_STD)]


def _per_document(n: int, seed: int, value: Callable[[list[float], list[float]], float]) -> Measured:
    with_maps, without_maps = _maps()
    subject, values = load(SUBJECT), []
    for ids in test_stories(n, seed):
        h_SLD = states_of(subject, ids)[:, 1:]
        pairs = list(pairwise(h_SLD))
        with_ = [one.score(x, y) for one, (x, y) in zip(with_maps, pairs)]
        without = [one.score(x, y - x) for one, (x, y) in zip(without_maps, pairs)]
        values.append(value(with_, without))
    return _measured(values, [f"story {i}" for i in range(n)])


def _measured(values: Sequence[float], units: Sequence[str]) -> Measured:
    handle: Handle = load(SUBJECT)
    return Measured(values=tuple(values), units=tuple(units), models={handle.name: weights_hash(handle)})
