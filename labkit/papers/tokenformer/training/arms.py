"""The arms of training, as data: a source, its growth in several ways, and the models that growth is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from labkit.models import Decoder

from .. import task
from ..method import TokenFormer, TrainingStage, Transformer, block_pad, clone_wider, cumulative_flops, duplicate, grow

__all__ = [
    "ARMS",
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
# Learning rates tried: from scratch, and from a trained model. No arm's best is the lowest or highest of its own.
FRESH = (6e-3, 1.2e-2, 2.4e-2)
STAGE = (3e-3, 6e-3, 1.2e-2)
LOW, HIGH = (1.5e-3, *STAGE), (*STAGE, 2.4e-2)
HIGHER = (*HIGH, 4.8e-2)
WIDE = replace(SMALL, width=96, heads=8, tokens=72, ffn=288)  # a larger source: the weights of LARGE_TRANSFORMER


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One thing to train: `begin(source, seed)` makes its model, from a trained source where `start` names one.

    rates: learning rates tried. steps, corpus: how long and on what. constant: no cosine, as in the paper's appendix E.
    old_rate: of the learning rate, the share at which what was there before growth is trained (0: frozen).
    """

    name: str
    begin: Callable[[Decoder | None, int], Decoder]
    start: str | None = None
    steps: int = STAGE_STEPS
    corpus: str = "stories"
    constant: bool = False
    old_rate: float = 1.0
    rates: tuple[float, ...] = STAGE


def _scratch(config: Transformer) -> Callable[[Decoder | None, int], Decoder]:
    return lambda _, seed: config.build(seed)


def _grown(keys: str, tau: str, times: int = TIMES) -> Callable[[Decoder | None, int], Decoder]:
    return lambda source, seed: grow(source, source.config.tokens * (times - 1), keys=keys, tau=tau, seed=seed)


def _itself(source: Decoder | None, seed: int) -> Decoder:
    return source


def equal_cost_steps() -> int:
    """Return how many steps of the large Transformer cost what source and growth cost together."""
    both = cumulative_flops([stage_of(SMALL, SOURCE_STEPS), stage_of(LARGE, STAGE_STEPS)])
    return round(both / stage_of(LARGE_TRANSFORMER, 1).flops)


def stage_of(config: Transformer, steps: int) -> TrainingStage:
    return TrainingStage(config=config, steps=steps, rows=ROWS, length=task.LENGTH)


def _pad(source: Decoder | None, seed: int) -> Decoder:
    return block_pad(source, LARGE_TRANSFORMER.width, seed=seed)


def _on_facts(
    name: str,
    start: str,
    begin: Callable[[Decoder | None, int], Decoder],
    old_rate: float = 1.0,
    rates: tuple[float, ...] = LOW,
) -> Arm:
    """Return a model's arm on the new corpus, at a constant rate."""
    more: dict[str, Any] = {"steps": B_STEPS, "corpus": "facts", "constant": True, "old_rate": old_rate}
    return Arm(name=name, begin=begin, start=start, rates=rates, **more)


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
        Arm(name="restart", begin=_itself, start="source", rates=HIGH),
        Arm(name="zero-fixed", begin=_grown("zero", "fixed"), start="source", rates=HIGH),
        Arm(name="zero-live", begin=_grown("zero", "live"), start="source"),
        Arm(name="random-live", begin=_grown("random", "live"), start="source"),
        Arm(
            name="duplicate",
            begin=lambda s, seed: duplicate(s, TIMES, noise=0.5, seed=seed),
            start="source",
            rates=LOW,
        ),
        Arm(name="scratch", begin=_scratch(LARGE), rates=FRESH),
        Arm(name="scratch-transformer", begin=_scratch(LARGE_TRANSFORMER), rates=(3e-3, *FRESH)),
        Arm(
            name="equal-cost-transformer",
            begin=_scratch(LARGE_TRANSFORMER),
            steps=equal_cost_steps(),
            rates=(3e-3, *FRESH),
        ),
        Arm(name="block-pad", begin=_pad, start="transformer"),
        Arm(name="clone", begin=lambda s, seed: clone_wider(s, noise=0.5, seed=seed), start="transformer"),
        _on_facts("b-zero-fixed", "source", _grown("zero", "fixed")),
        _on_facts("b-block-pad", "transformer", _pad, rates=(3.75e-4, 7.5e-4, *LOW)),
        Arm(name="restart-long", begin=_itself, start="source", steps=LONG, rates=HIGHER),
        Arm(name="zero-fixed-long", begin=_grown("zero", "fixed"), start="source", steps=LONG, rates=HIGH),
        # What was there is frozen, or trained at a tenth of the rate (`old_lr_decay` of the official code).
        Arm(name="frozen", begin=_grown("zero", "fixed"), start="source", old_rate=0.0, rates=HIGHER),
        Arm(name="slower", begin=_grown("zero", "fixed"), start="source", old_rate=0.1, rates=HIGHER),
        _on_facts("b-restart", "source", _itself),
        _on_facts("b-frozen", "source", _grown("zero", "fixed"), old_rate=0.0, rates=(1.5e-3, *HIGH)),
        _on_facts("b-slower", "source", _grown("zero", "fixed"), old_rate=0.1, rates=(*HIGHER, 9.6e-2)),
        # Other sizes: twice and eight times the tokens, twice in two stages, and a source with four times the weights.
        *(
            Arm(
                name=f"{keys}-{tau}-{times}",
                begin=_grown(keys, tau, times),
                start="source",
                rates=rates,
            )
            for keys, tau, times, rates in (
                ("zero", "fixed", 2, STAGE),
                ("random", "live", 2, HIGH),
                ("zero", "fixed", 8, STAGE),
                ("random", "live", 8, LOW),
            )
        ),
        Arm(name="restart-twice", begin=_itself, start="restart"),
        Arm(name="zero-fixed-twice", begin=_grown("zero", "fixed", 2), start="zero-fixed-2", rates=LOW),
        Arm(name="wide-source", begin=_scratch(WIDE), steps=SOURCE_STEPS, rates=FRESH),
        Arm(name="wide-restart", begin=_itself, start="wide-source", rates=LOW),
        Arm(name="wide-zero-fixed", begin=_grown("zero", "fixed"), start="wide-source", rates=LOW),
    )
}
