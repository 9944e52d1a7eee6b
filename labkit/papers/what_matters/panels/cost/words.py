"""An answer of the cost meter in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.panels.tables import Table

from .data import KINDS, NEW, CostData, CostRow, CostState

__all__ = ["code_of", "sentence_of", "table_of"]


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %").replace("-", "−")


def sentence_of(data: CostData) -> str:
    """Return what the picture shows, in words."""
    texts = f"{data.batch} texts" if data.batch > 1 else "one text"
    says = f"{data.model}, {texts} of {data.length} tokens read and {NEW} written. Saved with {data.gone} gone: "
    return says + "; ".join(map(_saved, data.rows)) + f". Time in {data.clock}."


def _saved(row: CostRow) -> str:
    time, sure = row.time, "" if row.time.excludes(1.0) else ", not told from none"
    saved = ", ".join(f"{_percent(1 - share)} of the {name}" for name, share in row.left.items())
    return f"{KINDS[row.kind]} {saved} ({_percent(1 - time.high)} to {_percent(1 - time.low)}{sure})"


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
