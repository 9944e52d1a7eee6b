"""How long a model takes to read a prompt and to write: measured in rounds, beside what the FLOPs would predict.

The models take turns within a round, so that a busy machine slows all of them alike. What is reported is the median
over rounds, with the bootstrap interval; the first rounds, which warm up, are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from labkit.anatomy import in_eval_mode, module_of
from labkit.base.errors import BadInput
from labkit.base.results import Result

from .accounting import sizes_of
from .estimate import RESAMPLES, Estimate
from .tables import text_table

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Speed", "SpeedTest", "median_over", "speed_test"]

_PHASES = ("prefill", "decode", "end_to_end")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of one model: to read the prompt, for each further token, and for all of it.

    flops: predicted for prefill, for the decode step in the middle, and end to end. cache_bytes: held at the end.
    """

    name: str
    prefill: Estimate
    decode: Estimate
    end_to_end: Estimate
    flops: Mapping[str, int]
    cache_bytes: int


@dataclass(frozen=True, kw_only=True)
class SpeedTest(Result):
    """Speeds on one task; the first model is what the others are compared with."""

    prompt: int
    new: int
    batch: int
    speeds: tuple[Speed, ...]

    def speedup(self, name: str, phase: str = "end_to_end") -> Estimate:
        """Return how many times faster than the first model, paired round by round (null 1): the median of ratios."""
        by_name = {speed.name: speed for speed in self.speeds}
        first, other = getattr(self.speeds[0], phase), getattr(by_name[name], phase)
        ratios = [a / b for a, b in zip(first.per_unit, other.per_unit)]
        return median_over(ratios, f"speed-up of {name}", "times", null=1.0)

    def predicted(self, name: str, phase: str = "end_to_end") -> float:
        """Return the ratio of FLOPs, the speed-up if every FLOP took the same time."""
        by_name = {speed.name: speed for speed in self.speeds}
        return self.speeds[0].flops[phase] / by_name[name].flops[phase]

    def table(self) -> str:
        """Return one line per model: milliseconds, speed-up measured and by FLOPs, cache."""
        rows = []
        for speed in self.speeds:
            ms = [f"{1000 * getattr(speed, phase).value:.3g}" for phase in _PHASES]
            won = (f"{self.speedup(speed.name).value:.2f}", f"{self.predicted(speed.name):.2f}")
            rows.append([speed.name, *ms, *won, f"{speed.cache_bytes:,}"])
        n = self.speeds[0].prefill.n
        title = f"Prompt {self.prompt}, {self.new} new tokens, batch {self.batch}; medians of {n} rounds, ms"
        heads = ["model", "prefill", "per token", "end to end", "speed-up", "by FLOPs", "cache bytes"]
        return text_table(heads, rows, title=title)


def speed_test(
    models: Mapping[str, Any],
    *,
    prompt: int = 64,
    new: int = 16,
    batch: int = 1,
    rounds: int = 5,
    warmup: int = 1,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> SpeedTest:
    """Measure each model on random tokens: `prompt` read at once, then `new` - 1 steps with the cache.

    models: by name, the one to compare with first; give shrunk models, which do not compute what was dropped.
    """
    if not models or min(prompt, batch, rounds) < 1 or new < 2 or warmup < 0:
        raise BadInput(
            f"{len(models)} models, prompt = {prompt}, new = {new}, batch = {batch}, rounds = {rounds}.",
            expected="at least one model, token, text and round, two new tokens and no negative warm-up",
        )
    vocabulary = min(module_of(model).get_input_embeddings().weight.shape[0] for model in models.values())
    ids_BL = torch.randint(vocabulary, (batch, prompt), generator=torch.Generator().manual_seed(seed))
    seconds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in models}
    held: dict[str, int] = {}
    for turn in range(warmup + rounds):
        for name, model in models.items():
            times, held[name] = in_eval_mode(model, lambda module: _one(module, ids_BL, new, clock))
            if turn >= warmup:
                seconds[name].append(times)
    speeds = tuple(_speed(name, models[name], seconds[name], held[name], prompt, new, batch) for name in models)
    return SpeedTest(prompt=prompt, new=new, batch=batch, speeds=speeds)


def _one(module: nn.Module, ids_BL: Tensor, new: int, clock: Callable[[], float]) -> tuple[tuple, int]:
    """Return seconds (prefill, median step, all) and the bytes the cache then holds."""
    device = next(module.parameters()).device
    fresh, cache, ends = ids_BL.to(device), None, [_now(device, clock)]
    for _ in range(new):
        output = module(fresh, past_key_values=cache, use_cache=True)
        cache, fresh = output.past_key_values, output.logits[:, -1].argmax(dim=-1, keepdim=True)
        ends.append(_now(device, clock))
    steps = np.diff(ends)
    return (float(steps[0]), float(np.median(steps[1:])), ends[-1] - ends[0]), cache_size(cache)


def _now(device: torch.device, clock: Callable[[], float]) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)  # work is only queued until then
    return clock()


def cache_size(cache: Any) -> int:
    """Return the bytes of keys and values that a decode cache holds, ours or one of transformers."""
    if isinstance(cache.layers, dict):
        held = [tensor for entry in cache.layers.values() for tensor in entry]
    else:
        held = [t for entry in cache.layers for t in (getattr(entry, "keys", None), getattr(entry, "values", None))]
    return sum(tensor.numel() * tensor.element_size() for tensor in held if tensor is not None)


def _speed(name: str, model: ModelLike, seconds: list[tuple], held: int, prompt: int, new: int, batch: int) -> Speed:
    sizes = sizes_of(model)
    flops = {
        "prefill": sizes.prefill_flops(prompt, batch),
        "decode": sizes.decode_flops(prompt + (new - 1) // 2, batch),
        "end_to_end": sizes.generation_flops(prompt, new, batch),
    }
    times = {
        phase: median_over([row[place] for row in seconds], f"{phase.replace('_', ' ')} of {name}", "s")
        for place, phase in enumerate(_PHASES)
    }
    return Speed(name=name, **times, flops=flops, cache_bytes=held)


def median_over(values: list[float], name: str, unit: str, null: float | None = None) -> Estimate:
    """Return the median of one value per round with its bootstrap interval."""
    x = np.asarray(values)
    drawn = np.median(np.random.default_rng(0).choice(x, size=(RESAMPLES, len(x))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(x) > 1 else (np.nan, np.nan)
    return Estimate(
        name=name, value=float(np.median(x)), low=float(low), high=float(high), n=len(x), over="rounds", unit=unit,
        null=null, method="bootstrap of the median", per_unit=tuple(x.tolist()),
    )  # fmt: skip
