"""The arms of training, as data: a source, its growth in several ways, and the models that growth is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from labkit.models import Decoder

from .. import task
from ..method import TokenFormer, TrainingStage, Transformer, block_pad, clone_wider, cumulative_flops, duplicate, grow

__all__ = [
    "ARMS",
    "CHOOSING",
    "LARGE",
    "LARGE_TRANSFORMER",
    "ROWS",
    "SMALL",
    "SMALL_TRANSFORMER",
    "SOURCE_STEPS",
    "STAGE_STEPS",
    "Arm",
    "equal_cost_steps",
    "stage_of",
]

CHOOSING = 0  # the seed on which learning rates are chosen; no claim uses it
ROWS = 6  # texts in a batch
SOURCE_STEPS, STAGE_STEPS, B_STEPS, LONG = 300, 120, 60, 400
TIMES = 4  # how much larger a grown model is (the paper's first growth: 3.7 times)

_VOCAB = task.tokenizer().vocab_size
SMALL = TokenFormer(
    vocab=_VOCAB, width=48, depth=2, heads=4, ffn=144, tokens=36, context=128, init_std=0.06
)  # 12 D² a block
LARGE = replace(SMALL, tokens=TIMES * SMALL.tokens, ffn=TIMES * SMALL.ffn)
SMALL_TRANSFORMER = Transformer(vocab=_VOCAB, width=48, depth=2, heads=4, ffn=192, context=128, init_std=0.06)
LARGE_TRANSFORMER = replace(SMALL_TRANSFORMER, width=96, heads=8, kv_heads=8, ffn=384)  # the same weights as LARGE
FRESH = (6e-3, 1.2e-2, 2.4e-2)  # learning rates tried from scratch
STAGE = (3e-3, 6e-3, 1.2e-2)  # and from a trained model
NEW = SMALL.tokens * (TIMES - 1)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One thing to train: `begin(source, seed)` makes its model, from a trained source where `start` names one.

    rates: learning rates tried. steps, corpus: how long and on what. constant: no cosine, as in the paper's appendix E.
    """

    name: str
    begin: Callable[[Decoder | None, int], Decoder]
    start: str | None = None
    steps: int = STAGE_STEPS
    corpus: str = "stories"
    constant: bool = False
    rates: tuple[float, ...] = STAGE


def _scratch(config: Transformer) -> Callable[[Decoder | None, int], Decoder]:
    return lambda _, seed: config.build(seed)


def _grown(keys: str, tau: str) -> Callable[[Decoder | None, int], Decoder]:
    return lambda source, seed: grow(source, NEW, keys=keys, tau=tau, seed=seed)


def equal_cost_steps() -> int:
    """Return how many steps of the large Transformer cost what source and growth cost together."""
    both = cumulative_flops([stage_of(SMALL, SOURCE_STEPS), stage_of(LARGE, STAGE_STEPS)])
    return round(both / stage_of(LARGE_TRANSFORMER, 1).flops)


def stage_of(config: Transformer, steps: int) -> TrainingStage:
    return TrainingStage(config=config, steps=steps, rows=ROWS, length=task.LENGTH)


def _pad(source: Decoder | None, seed: int) -> Decoder:
    return block_pad(source, LARGE_TRANSFORMER.width, seed=seed)


def _on_facts(name: str, start: str, begin: Callable[[Decoder | None, int], Decoder]) -> Arm:
    """Return a grown model's arm on the new corpus, at a constant rate."""
    rates = (1.5e-3, *STAGE)
    return Arm(name=name, begin=begin, start=start, steps=B_STEPS, corpus="facts", constant=True, rates=rates)


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name="source", begin=_scratch(SMALL), steps=SOURCE_STEPS, rates=FRESH),
        Arm(name="transformer", begin=_scratch(SMALL_TRANSFORMER), steps=SOURCE_STEPS, rates=(*FRESH, 4.8e-2)),
        Arm(
            name="softmax-n",
            begin=_scratch(replace(SMALL, theta="softmax-n", key_std=0.1)),
            steps=SOURCE_STEPS,
            rates=(3e-3, *FRESH),
        ),
        Arm(name="restart", begin=lambda source, seed: source, start="source", rates=(*STAGE, 2.4e-2)),
        Arm(name="zero-fixed", begin=_grown("zero", "fixed"), start="source", rates=(*STAGE, 2.4e-2)),
        Arm(name="zero-live", begin=_grown("zero", "live"), start="source"),
        Arm(name="random-live", begin=_grown("random", "live"), start="source"),
        Arm(name="duplicate", begin=lambda s, seed: duplicate(s, TIMES, noise=0.5, seed=seed), start="source"),
        Arm(name="scratch", begin=_scratch(LARGE), rates=FRESH),
        Arm(name="scratch-transformer", begin=_scratch(LARGE_TRANSFORMER), rates=FRESH),
        Arm(name="equal-cost-transformer", begin=_scratch(LARGE_TRANSFORMER), steps=equal_cost_steps(), rates=FRESH),
        Arm(name="block-pad", begin=_pad, start="transformer"),
        Arm(name="clone", begin=lambda s, seed: clone_wider(s, noise=0.5, seed=seed), start="transformer"),
        _on_facts("b-zero-fixed", "source", _grown("zero", "fixed")),
        _on_facts("b-block-pad", "transformer", _pad),
        Arm(name="restart-long", begin=lambda source, seed: source, start="source", steps=LONG),
        Arm(name="zero-fixed-long", begin=_grown("zero", "fixed"), start="source", steps=LONG),
    )
}
