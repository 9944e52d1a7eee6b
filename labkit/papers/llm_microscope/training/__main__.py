"""Train one again: `python -m labkit.papers.llm_microscope.training reader`."""

from __future__ import annotations

import argparse

from .making import make_reader, make_removal, make_scratch, make_shuffled, make_single, make_untrained
from .readers import READER_FIT
from .reading_on import ARMS, REMOVAL_FIT
from .scratch import SCRATCH_ARMS


def main() -> None:
    """Train what is asked for."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("what", choices=("reader", "own_word", "shuffled", "single", "removal", "scratch"))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--lr", type=float, default=REMOVAL_FIT.lr)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--judged", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=READER_FIT.steps, help="of the shuffled reader")
    parser.add_argument("--questions", type=int, default=400, help="that models from scratch are asked")
    asked = parser.parse_args()
    if asked.what == "removal":
        make_untrained(asked.passages, asked.judged)
        make_removal(asked.arms, asked.seeds, asked.lr, asked.passages, asked.judged)
    elif asked.what == "scratch":
        make_scratch(SCRATCH_ARMS, asked.seeds, asked.questions, asked.judged)
    elif asked.what == "single":
        make_single(asked.judged)
    elif asked.what == "shuffled":
        make_shuffled(asked.judged, asked.steps)
    else:
        make_reader(asked.what)


if __name__ == "__main__":
    main()
