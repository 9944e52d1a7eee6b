"""The super-weight scan against the forward pass that it needs anyway, in interleaved rounds.

    python tests/benchmarks/bench_scan.py [--rounds 15] [--tokens 256]

Prints, for lab/base on a story and for a random model of 12 × 384, the processor's seconds of one bare pass, of
`find_super_weights` on the same tokens, and their ratio round by round. Limit: 1.2 forward passes. Some two
milliseconds of a scan are the same for every model (hooks, locks, the anatomy): a tenth of a pass of lab/base.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

import labkit
from labkit import world
from labkit.models import DecoderConfig
from labkit.papers.super_weight.method.detector import find_super_weights


def main() -> None:
    """Measure both models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = labkit.load("lab/base")
    story = base.encode(world.story(11).text)
    large = DecoderConfig(vocab=2048, width=384, depth=12, heads=6, ffn=1024, context=options.tokens).build().eval()
    ids = torch.randint(2048, (options.tokens,), generator=torch.Generator().manual_seed(0))
    for name, model, text in (("lab/base", base.model, story), ("12 × 384, random", large, ids)):
        compare(name, model, text, options.rounds)


def compare(name: str, model: torch.nn.Module, ids: torch.Tensor, rounds: int) -> None:
    """Time the pass and the scan in turn and print what came out."""
    took: dict[str, list[float]] = {"pass": [], "scan": []}
    for number in range(rounds + 2):  # the first two warm up
        for way, run in (("pass", lambda: bare(model, ids)), ("scan", lambda: find_super_weights(model, ids))):
            seconds = timed(run)
            if number > 1:
                took[way].append(seconds)
    ratios = sorted(scan / alone for alone, scan in zip(took["pass"], took["scan"]))
    medians = ", ".join(f"{way} {1000 * statistics.median(times):.1f} ms" for way, times in took.items())
    spread = f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"{name}, {len(ids)} tokens: {medians}; scan / pass {statistics.median(ratios):.2f} ({spread})")


@torch.no_grad()
def bare(model: torch.nn.Module, ids: torch.Tensor) -> Any:
    """Run the model as it is."""
    return model(ids[None], use_cache=False).logits


def timed(run: Callable[[], Any]) -> float:
    """Return the processor's seconds: on a busy machine steadier than the clock's."""
    start = time.process_time()
    run()
    return time.process_time() - start


if __name__ == "__main__":
    main()
