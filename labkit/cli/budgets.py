"""What the course promises in seconds and megabytes, measured here and now.

Each measurement is a row: what, value, limit, unit, ok (None where it could not be measured, and why).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.base.data import lessons_dir
from labkit.base.papers import bring, brought

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["measure_all", "render"]

Row = dict[str, Any]
_NOTEBOOK_SECONDS = {"hour": 45, "deeper": 90, "solutions": 30}
_CELL_SECONDS = 15
_KERNEL_MB = 1024
_PANEL_ANSWERS = 24
_ASK = """import resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024), used.ru_utime + used.ru_stime)"""
_MILLION, _MIB = 1e6, 2**20


def measure_all(say: Callable[[str], None] | None = None) -> list[Row]:
    """Return one row per budget; `say` hears what is being measured."""
    say = say or (lambda words: print(words, file=sys.stderr, flush=True))
    rows: list[Row] = []
    for name, measure in (
        ("import", _import),
        ("open a lesson with replay", _replay),
        ("sizes", _sizes),
        ("panel", _panel),
        ("sweep", _sweep),
        ("notebooks", _notebooks),
    ):
        say(f"measuring: {name}")
        try:
            rows += measure()
        except Exception as error:  # one budget that cannot be measured must not hide the others
            rows.append(_row(name, None, None, "", " ".join(str(error).split())[:200] or type(error).__name__))
    if hasattr(os, "getloadavg"):
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        note = "the machine is busy, so the times above are too long" if load > cores else ""
        rows.append(_row("load while measuring", load, None, "processes", note or f"{cores} cores"))
    return rows


def render(rows: list[Row]) -> str:
    """Return the rows as text: a mark, what was measured, the value and its limit."""
    lines = []
    for row in rows:
        mark = {True: "✓", False: "✗", None: "–"}[row["ok"]]
        if row["value"] is None:
            lines.append(f"{mark} {row['what']}: not measured ({row['note']})")
            continue
        value = f"{row['value']:.3g} {row['unit']}".rstrip()
        limit = "" if row["limit"] is None else f", at most {row['limit']:g} {row['unit']}".rstrip()
        note = f"  ({row['note']})" if row["note"] else ""
        lines.append(f"{mark} {row['what']}: {value}{limit}{note}")
    return "\n".join(lines)


def _row(what: str, value: float | None, limit: float | None, unit: str, note: str = "") -> Row:
    ok = None if value is None or limit is None else value <= limit
    return {"what": what, "value": value, "limit": limit, "unit": unit, "ok": ok, "note": note}


def _timed_process(code: str, times: int = 3) -> float:
    """Return the least of some times that `code` prints, each in a fresh Python: the rest is the machine's noise."""
    with tempfile.TemporaryDirectory() as my:
        environment = {**os.environ, "LABKIT_MY": my, "LABKIT_STATIC": "0", "HF_HUB_OFFLINE": "1"}
        found = []
        for _ in range(times):
            timed = f"import time; start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
            done = subprocess.run(
                [sys.executable, "-c", timed], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(" ".join(done.stderr.strip().splitlines()[-3:]))
            found.append(float(done.stdout.split()[-1]))
    return min(found)


def _import() -> list[Row]:
    return [_row("import labkit", _timed_process("import labkit", times=5), 0.3, "s")]


def _replay() -> list[Row]:
    code = (
        "import sys, labkit\n"
        "labkit.open_lesson('00')\n"
        "panel = labkit.CutPanel('lab/tiny')\n"
        "panel.data, panel.page\n"
        "assert 'torch' not in sys.modules, 'torch was imported: no stored answers are shipped for lab/tiny'"
    )
    return [_row("open lesson 00 with its panel replayed", _timed_process(code), 3, "s", "without torch")]


def _sizes() -> list[Row]:
    from labkit.zoo import models

    shipped = models()
    rows = [_row(f"parameters of {one['name']}", one["params"] / _MILLION, 7, "million") for one in shipped]
    rows.append(_row("all weights", sum(one["bytes"] for one in shipped) / _MIB, 40, "MiB"))
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-l", "HEAD"], cwd=lessons_dir().parent, capture_output=True, text=True, check=False
    )
    sizes = [line.split()[3] for line in listed.stdout.splitlines()]
    tree = sum(int(size) for size in sizes if size.isdigit()) / _MIB if sizes else None
    rows.append(_row("the tree at HEAD", tree, 56, "MiB", "" if sizes else "not a git checkout"))
    return rows


def _panel() -> list[Row]:
    """Time the panels that papers bring for it: each function yields (name, panel, moves, tokens)."""
    trials = [trial for name in brought("budgets") for trial in bring("budgets", name)()]
    return [row for trial in trials for row in _panel_rows(*trial)]


def _panel_rows(name: str, panel: Any, moves: list[dict[str, Any]], tokens: int) -> list[Row]:
    """Compute and show the answers to some moves of a panel's controls; return what each took."""
    panel.page.unlock()
    compute, full, begun = [], [], time.process_time()
    for number in range(_PANEL_ANSWERS):
        state = replace(panel.start, **moves[number % len(moves)])
        compute.append(_milliseconds(lambda state=state: panel.compute(state)))
        move = moves[(number + 1) % len(moves)]
        full.append(_milliseconds(lambda move=move: panel.set(**move)))
    panel.close()
    worked = 1000 * (time.process_time() - begun) / len(full)
    note = f"{tokens} tokens; both together {worked:.0f} ms of work"
    return [
        _row(f"{name}, compute, median", statistics.median(compute[1:]), 150, "ms", note),
        _row(f"{name}, full answer, median", statistics.median(full[1:]), 350, "ms", note),
        _row(f"{name}, full answer, 95 of 100", _percentile(full[1:], 0.95), 600, "ms", note),
    ]


def _sweep() -> list[Row]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import labkit
    from labkit import sweeps

    config = labkit.DecoderConfig(vocab=1024, width=96, depth=12, heads=4, ffn=256, context=256)
    model = config.build(seed=0).eval()
    generator = torch.Generator().manual_seed(0)
    texts = [torch.randint(0, 1024, (192,), generator=generator).tolist() for _ in range(8)]
    plans = sweeps.every_sublayer(model)

    def operations(asked: list[Any], engine: str) -> int:
        with FlopCounterMode(display=False) as counter:
            labkit.sweep(model, asked, texts, engine=engine)
        return counter.get_total_flops()

    def seconds(engine: str) -> float:
        return min(_milliseconds(lambda: labkit.sweep(model, plans, texts, engine=engine)) for _ in range(3)) / 1000

    whole = [operations([plan], "plain") for plan in plans]  # an intact pass and a cut one
    intact = _intact_operations(model, texts)
    after = [intact - sum(2 * intact - pair for pair in whole[: number + 1]) for number in range(len(plans))]
    ratio = operations(plans, "prefix") / (intact + sum(after))
    faster = seconds("prefix") / seconds("plain")
    note = "leave-one-out, 12 layers of ours"
    return [
        _row("sweep, multiply-adds over the arithmetic floor", ratio, 1.03, "", note),
        _row("sweep, seconds over plain hooks", faster, 0.60, "", note),
    ]


def _intact_operations(model: ModelLike, texts: list[list[int]]) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.tensor(texts))
    return counter.get_total_flops()


def _notebooks() -> Iterator[Row]:
    from labkit.course.sources import pages

    for page in pages():
        yield from _notebook(page)


def _notebook(page: Any) -> list[Row]:
    """Run one notebook as the reading edition is made; time its cells, and ask its kernel what it took at most."""
    from nbformat.v4 import new_code_cell

    from labkit.course.executing import execute
    from labkit.course.sources import convert

    notebook = convert(page)
    notebook.cells.append(new_code_cell(_ASK))
    start = time.perf_counter()
    execute(notebook, page.notebook.parent)
    seconds = time.perf_counter() - start
    name = page.notebook.stem
    slowest = max((cell for cell in notebook.cells if cell.cell_type == "code"), key=_cell_seconds)
    peak, worked = map(float, notebook.cells[-1].outputs[0].text.split())
    return [
        _row(f"{name}, all cells", seconds, _NOTEBOOK_SECONDS[page.kind], "s", f"its kernel worked {worked:.0f} s"),
        _row(f"{name}, slowest cell", _cell_seconds(slowest), _CELL_SECONDS, "s", slowest.source.splitlines()[0]),
        _row(f"{name}, peak memory", peak / _MIB, _KERNEL_MB, "MB"),
    ]


def _cell_seconds(cell: Any) -> float:
    from datetime import datetime

    moments = cell.metadata.get("execution", {})
    begun, ended = moments.get("iopub.execute_input"), moments.get("shell.execute_reply")
    if not begun or not ended:
        return 0.0
    return (datetime.fromisoformat(ended.rstrip("Z")) - datetime.fromisoformat(begun.rstrip("Z"))).total_seconds()


def _milliseconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
