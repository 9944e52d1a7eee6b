"""What does a cut save? Weights, cache, FLOPs and measured time with attentions, MLPs or whole blocks gone.

panel = labkit.CostPanel("lab/deep")
panel.set(batch=8, length=224, gone=4)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.base.errors import BadInput
from labkit.base.numbers import percent
from labkit.panels.controls import Choice, Control
from labkit.panels.jobs import Job
from labkit.panels.panel import Panel
from labkit.panels.stored import load_measured, save_measured
from labkit.panels.tables import Table

from ..experiments.cost import BATCHES, GONE, KINDS, LENGTHS, NEW, CostData, CostRow, CostRun, CostState, key_of

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["CostPanel"]

ROUNDS = 5
CLOCK = "processor seconds of one thread"  # other work on the machine does not count


class CostPanel(Panel):
    """Shrink a model in three ways, count what is left, and time reading a prompt and writing some tokens.

    On the model itself the four models take turns for `rounds` rounds. Seconds are those of the processor, so use one
    thread (OMP_NUM_THREADS=1) where they are to be compared.
    """

    question = "What does a cut save?"
    State = CostState
    size = (8.6, 3.8)
    file = "02_cost"

    def __init__(self, model: ModelLike | str = "lab/deep", *, rounds: int = ROUNDS, **options: Any):
        table = load_measured(model, self.file)
        self.kept, self.rounds = None if table is None else CostRun.of(table), rounds
        super().__init__(model, **options)

    def make_controls(self) -> Sequence[Control]:
        return (
            Choice("batch", {f"{n} text{'s' * (n > 1)}": n for n in BATCHES}, label="At once"),
            Choice("length", {f"{n} tokens each": n for n in LENGTHS}, label="read", help=f"then {NEW} are written"),
            Choice("gone", {f"{n} parts": n for n in GONE}, label="Gone", help="the deepest; a block counts as one"),
        )

    def stored(self, state: CostState) -> CostData | None:
        return None if self.kept is None else self.kept.find(state)

    def compute(self, state: CostState) -> CostData:
        return Job(self.steps(state)).run()

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
        return [CostState(1, LENGTHS[0]), CostState(1, LENGTHS[-1]), CostState(BATCHES[-1], LENGTHS[-1])]

    def code(self, state: CostState) -> str:
        return code_of(self.model_name, state, self.rounds)

    @classmethod
    def store(
        cls,
        model: ModelLike | str = "lab/deep",
        out: Path | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> Path:
        """Time every state (minutes) and write the file; the deepest parts go, which parts makes no difference here."""
        from labkit.zoo import load

        panel = cls(load(model) if isinstance(model, str) else model)
        kept: dict[str, Any] = {"model": panel.model_name, "clock": CLOCK}
        for state in (CostState(*values) for values in product(BATCHES, LENGTHS, GONE)):
            kept[key_of(state)] = {row.kind: row.as_list() for row in panel.compute(state).rows}
            say(f"{cls.file}: {key_of(state)}")
        how = f"{ROUNDS} rounds in turns after one to warm up, random tokens of seed 0, {CLOCK}; {_machine()}"
        return save_measured(cls.file, panel.model, how, kept, out)

    def draw(self, data: Any, figure: Any) -> None:
        from ..figures.cost import paint

        paint(data, figure)

    def sentence(self, data: Any) -> str:
        return sentence_of(data)

    def table(self, data: Any) -> Table:
        return table_of(data)


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


def sentence_of(data: CostData) -> str:
    """Return what the picture shows, in words."""
    texts = f"{data.batch} texts" if data.batch > 1 else "one text"
    says = f"{data.model}, {texts} of {data.length} tokens read and {NEW} written. Saved with {data.gone} gone: "
    return says + "; ".join(map(_saved, data.rows)) + f". Time in {data.clock}."


def _saved(row: CostRow) -> str:
    time, sure = row.time, "" if row.time.excludes(1.0) else ", not told from none"
    saved = ", ".join(f"{percent(1 - share)} of the {name}" for name, share in row.left.items())
    return f"{KINDS[row.kind]} {saved} ({percent(1 - time.high)} to {percent(1 - time.low)}{sure})"


def table_of(data: CostData) -> Table:
    """Return every number, intact first."""
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


def code_of(name: str, state: CostState, rounds: int) -> str:
    """Return the lines that shrink the model in three ways and time them all."""
    return "\n".join([
        "import time",
        "",
        "import labkit",
        "from labkit.measurements import speed_test",
        "",
        f"model = labkit.load({name!r})",
        f"deepest = list(range(labkit.anatomy_of(model).depth))[-{state.gone}:]",
        "models = {'intact': model}",
        "for kind in ('attention', 'mlp', 'blocks'):",
        "    models[kind] = labkit.shrink(model, labkit.drops(model, **{kind: deepest}))",
        f"test = speed_test(models, prompt={state.length}, new={NEW}, batch={state.batch}, rounds={rounds},",
        "                  clock=time.process_time)",
        "print(test)",
    ])  # fmt: skip
