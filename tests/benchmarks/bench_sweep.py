"""Leave-one-out over all sub-layers: a plain loop of hooks against labkit's sweep, in interleaved rounds.

    python tests/benchmarks/bench_sweep.py [--depth 12] [--width 128] [--documents 8] [--tokens 256] [--rounds 5]

"hooks" is what one writes without labkit: a full pass intact and one per sub-layer, with a forward hook that returns
zeros; the same batches, the same loss. "plain" is labkit's own loop without reuse. Prints median seconds of each, their
ratio round by round, the sub-layer visits and the largest difference of the losses. Limit: 0.60 of the hooks' seconds.
The multiply-adds (at most 1.03 of the floor) are a test: tests/labkit/test_sweeps.py.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn

import labkit
from labkit.anatomy import anatomy_of
from labkit.measurements.measures import token_losses
from labkit.measurements.runs import batches
from labkit.models import DecoderConfig, to_llama
from labkit.sweeps import every_sublayer, sweep


def main() -> None:
    """Measure our decoder and transformers' Llama with the same weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (
        ("depth", 12),
        ("width", 128),
        ("documents", 8),
        ("tokens", 256),
        ("rounds", 5),
        ("threads", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = DecoderConfig(
        vocab=1024,
        width=options.width,
        depth=options.depth,
        heads=max(1, options.width // 32),
        ffn=options.width * 8 // 3,
        context=options.tokens,
    )
    ours = config.build()
    draw = torch.Generator().manual_seed(0)
    text = list(torch.randint(1024, (options.documents, options.tokens), generator=draw))
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.rounds} interleaved rounds")
    print(f"{options.depth} layers × {options.width}, {options.documents} × {options.tokens} tokens")
    for name, model in (("labkit's Decoder", ours), ("transformers' Llama", to_llama(ours).eval())):
        compare(name, model, text, options.rounds)


def compare(name: str, model: nn.Module, text: list[torch.Tensor], rounds: int) -> None:
    """Time the three ways in turn and print what came out."""
    plans = every_sublayer(model)
    ways = {
        "hooks": lambda: by_hooks(model, text),
        "plain": lambda: means(sweep(model, plans, text, engine="plain")),
        "prefix": lambda: means(sweep(model, plans, text)),
    }
    first, wall, busy = {}, {way: [] for way in ways}, {way: [] for way in ways}
    for number in range(rounds + 1):  # the first warms up; for "prefix" it includes the probe
        for way, run in ways.items():
            start, started = time.perf_counter(), time.process_time()
            losses = run()
            took = time.perf_counter() - start, time.process_time() - started
            first.setdefault(way, (losses, took))
            if number:
                wall[way].append(took[0])
                busy[way].append(took[1])
    off = max(abs(a - b) for a, b in zip(first["hooks"][0], first["prefix"][0]))
    found = sweep(model, plans, text)
    print(f"\n{name}: engine {found.engine} {found.reason}")
    for kind, seconds in (("wall", wall), ("processor", busy)):  # on a busy machine the second is the steadier one
        median = {way: statistics.median(times) for way, times in seconds.items()}
        ratios = sorted(mine / theirs for mine, theirs in zip(seconds["prefix"], seconds["hooks"]))
        shown = ", ".join(f"{way} {median[way]:.2f}" for way in ways)
        print(f"  {kind} seconds: {shown}")
        print(f"    prefix / hooks: {statistics.median(ratios):.3f} (rounds {ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(f"  first call, with the probe: {first['prefix'][1][0]:.2f} s")
    print(f"  sub-layer visits: {found.work['made']} of {found.work['plain']}")
    print(f"  largest difference of a mean loss: {off:.1e} (limit 1e-5)")


def by_hooks(model: nn.Module, text: list[torch.Tensor]) -> list[float]:
    """Return the mean loss intact and without each sub-layer, by zeroing what it writes in a forward hook."""
    losses = [mean_loss(model, text)]
    for block in anatomy_of(model).blocks:
        for part in (block.attention, block.mlp):
            handle = part.writer.register_forward_hook(zeros)
            try:
                losses.append(mean_loss(model, text))
            finally:
                handle.remove()
    return losses


def zeros(module: nn.Module, args: tuple, output):
    """Return zeros in the form of the output."""
    if isinstance(output, tuple):
        return (torch.zeros_like(output[0]), *output[1:])
    return torch.zeros_like(output)


@torch.no_grad()
def mean_loss(model: nn.Module, text: list[torch.Tensor]) -> float:
    """Return the mean loss over all scored tokens."""
    rows = [token_losses(model(batch.ids_BL, use_cache=False).logits, batch.ids_BL) for batch in batches(model, text)]
    return float(torch.cat([row.flatten() for row in rows]).mean())


def means(found: labkit.Sweep) -> list[float]:
    """Return the mean loss intact and under every plan."""
    return [found.base.value, *(point.value for point in found)]


if __name__ == "__main__":
    main()
