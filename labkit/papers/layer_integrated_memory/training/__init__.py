"""What is trained for lesson 09: one small decoder on arithmetic, and the same decoder with routers of several kinds.

    python -m labkit.papers.layer_integrated_memory.training            every run, some five core-hours
    python -m labkit.papers.layer_integrated_memory.training choose     one group; what is there is not made again

Arms with one seed see the same expressions in the same order and start from the same weights, but for what is new in
them. Rates are chosen on seeds of their own (`CHOOSING`), the table uses others.

groups.py      which runs there are: arms, sizes, seeds, learning rates, and what is made together
making.py      one run: its config, first weights, training, scores, and the pair that comes with the course
"""

from .groups import (
    AGAIN,
    ARMS,
    BEST,
    CHOOSING,
    DEPTH,
    FRESH,
    GROUPS,
    REPEATED,
    RIVALS,
    SEEDS,
    WIDTH,
    Run,
    best_rate,
)
from .making import (
    BATCH,
    EVERY,
    SCALES,
    TABLE,
    TESTED,
    WATCHED,
    config_of,
    first_weights,
    held_out,
    losses,
    made,
    score,
    train,
    weights_of,
)

__all__ = [
    "AGAIN",
    "ARMS",
    "BATCH",
    "BEST",
    "CHOOSING",
    "DEPTH",
    "EVERY",
    "FRESH",
    "GROUPS",
    "REPEATED",
    "RIVALS",
    "SCALES",
    "SEEDS",
    "TABLE",
    "TESTED",
    "WATCHED",
    "WIDTH",
    "Run",
    "best_rate",
    "config_of",
    "first_weights",
    "held_out",
    "losses",
    "made",
    "score",
    "train",
    "weights_of",
]
