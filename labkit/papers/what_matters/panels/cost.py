"""What does a cut save? Weights, cache, FLOPs and measured time with attentions, MLPs or whole blocks gone.

panel = labkit.CostPanel("lab/deep")
panel.set(batch=8, length=224, gone=4)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from labkit.base.errors import BadInput
from labkit.panels.controls import Choice, Control
from labkit.panels.measured import KeepingPanel
from labkit.panels.panel import ModelOrName
from labkit.panels.tables import Table

from ..experiments.cost import BATCHES, GONE, KINDS, LENGTHS, NEW, CostData, CostRow, CostRun, CostState, key_of

__all__ = ["CostPanel"]

ROUNDS = 5
CLOCK = "processor seconds of one thread"  # other work on the machine does not count


class CostPanel(KeepingPanel):
    """Shrink a model in three ways, count what is left, and time reading a prompt and writing some tokens.

    On the model itself the four models take turns for `rounds` rounds. Seconds are those of the processor, so use one
    thread (OMP_NUM_THREADS=1) where they are to be compared.
    """

    question = "What does a cut save?"
    State = CostState
    Kind = CostRun
    size = (8.6, 3.8)
    file = "02_cost"

    def __init__(self, model: ModelOrName = None, *, rounds: int = ROUNDS, **options: Any):
        self.rounds = rounds
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("batch", {f"{n} text{'s' * (n > 1)}": n for n in BATCHES}, label="At once"),
            Choice("length", {f"{n} tokens each": n for n in LENGTHS}, label="read", help=f"then {NEW} are written"),
            Choice("gone", {f"{n} parts": n for n in GONE}, label="Gone", help="the deepest; a block counts as one"),
        )

    def stored(self, state: CostState) -> CostData | None:
        return None if self.kept is None else self.kept.find(state)

    def steps(self, state: CostState) -> Generator[float, None, CostData]:
        from labkit.interventions import shrink
        from labkit.measurements import sizes_of, speed_test

        models = {"intact": self.model} | {kind: shrink(self.model, self._plan(kind, state.gone)) for kind in KINDS}
        seconds: dict[str, list[float]] = {name: [] for name in models}
        for done in range(self.rounds + 1):  # the first round warms up
            yield done / (self.rounds + 1)
            test = speed_test(models, prompt=state.length, new=NEW, batch=state.batch, rounds=1, warmup=0,
                              clock=time.process_time)  # fmt: skip
            for speed in test.speeds if done else ():
                seconds[speed.name].append(speed.end_to_end.value)
        whole = sizes_of(self.model)
        rows = [_row(kind, state, whole, sizes_of(models[kind]), seconds) for kind in KINDS]
        return CostData(self.model_name, state.batch, state.length, state.gone, tuple(rows), CLOCK)

    def _plan(self, kind: str, gone: int) -> Any:
        from labkit.anatomy import anatomy_of
        from labkit.interventions import drops

        depth = anatomy_of(self.model).depth
        if gone >= depth:
            raise BadInput(f"A model of {depth} layers cannot lose {gone}.", expected=f"at most {depth - 1}")
        part = "blocks" if kind == "block" else kind
        return drops(self.model, **{part: list(range(depth - gone, depth))})

    def presets(self) -> Sequence[CostState]:
        return [CostState(1, LENGTHS[-1], gone) for gone in GONE]

    def code(self, state: CostState) -> str:
        return self.script(
            f"deepest = list(range(labkit.anatomy_of(model).depth))[-{state.gone}:]",
            "models = {'intact': model}",
            "for kind in ('attention', 'mlp', 'blocks'):",
            "    models[kind] = labkit.shrink(model, labkit.drops(model, **{kind: deepest}))",
            f"test = speed_test(models, prompt={state.length}, new={NEW}, batch={state.batch}, rounds={self.rounds},",
            "                  clock=time.process_time)",
            "print(test)",
            before=("import time",),
            needs=("from labkit.measurements import speed_test",),
        )

    def keep(self, say: Callable[[str], None]) -> tuple[dict[str, Any], str]:
        """Time every state; the deepest parts go, which parts makes no difference here."""
        kept: dict[str, Any] = {"model": self.model_name, "clock": CLOCK}
        for state in (CostState(*values) for values in product(BATCHES, LENGTHS, GONE)):
            kept[key_of(state)] = {row.kind: row.as_list() for row in self.compute(state).rows}
            say(key_of(state))
        return kept, f"{ROUNDS} rounds in turns after one to warm up, random tokens of seed 0, {CLOCK}; {_machine()}"

    def table(self, data: CostData) -> Table:
        first = data.rows[0]
        rows = [("nothing", *(f"{pair[0]:,}" for pair in (first.parameters, first.cache, first.flops)),
                 f"{1000 * first.seconds[0]:.1f}", "")]  # fmt: skip
        rows += [
            (f"{data.gone} {KINDS[row.kind]}", *(f"{pair[1]:,}" for pair in (row.parameters, row.cache, row.flops)),
             f"{1000 * row.seconds[1]:.1f}", f"{row.time.value:.2f} ({row.time.low:.2f} to {row.time.high:.2f})")
            for row in data.rows
        ]  # fmt: skip
        caption = f"Batch {data.batch}, {data.length} tokens read, {NEW} written; {first.time.n} rounds; {data.clock}"
        return Table(caption, ("gone", "weights", "cache bytes", "FLOPs", "ms", "share of time, 95 % interval"), rows)


def _row(kind: str, state: CostState, whole: Any, left: Any, seconds: dict[str, list[float]]) -> CostRow:
    from labkit.measurements.speed import median_over

    ratios = [after / before for before, after in zip(seconds["intact"], seconds[kind])]
    tokens = state.length + NEW - 1  # the last one written is not read
    pairs = [
        (one.parameters, one.cache_bytes(tokens, state.batch), one.generation_flops(state.length, NEW, state.batch))
        for one in (whole, left)
    ]
    medians = tuple(sorted(seconds[name])[len(ratios) // 2] for name in ("intact", kind))
    return CostRow(kind, *zip(*pairs), median_over(ratios, "time left", "times", null=1.0), medians)


def _machine() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "an unnamed processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "a processor")
