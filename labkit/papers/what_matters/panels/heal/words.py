"""An answer of the healing panel in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.panels.tables import Table

from .data import CUTS, NOTHING, HealData, HealState

__all__ = ["code_of", "sentence_of", "table_of"]


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %").replace("-", "−")


def sentence_of(data: HealData) -> str:
    """Return what the picture shows, in words."""
    curve = data.curves[data.cut]
    place = curve.at(data.steps)
    loss, copying = curve.loss, curve.copying
    what = (
        f"{data.model} intact" if data.cut == NOTHING else f"{data.model} without {data.cut} ({', '.join(curve.gone)})"
    )
    says = f"{what}: loss {loss[0].value:.3f} nats a token before any training, copying {_percent(copying[0].value)} "
    says += f"right (chance {_percent(data.chance)})."
    if place:
        now = loss[place]
        says += f" After {curve.steps[place]} steps ({curve.tokens[place]:,} tokens) it is {now.value:.3f} "
        says += f"({now.low:.3f} to {now.high:.3f}, 95 % interval over {now.n} stories) and "
        says += f"{_percent(copying[place].value)}."
        says += _compared(data)
    return says


def _compared(data: HealData) -> str:
    """Say how much of the loss is back, and where training alone has brought the intact model."""
    if data.cut == NOTHING or NOTHING not in data.curves:
        return ""
    whole = data.curves[NOTHING]
    control = whole.loss[whole.at(data.steps)].value
    healed = data.healed
    back = "Little was lost." if healed is None else f"Of what the cut cost, {_percent(healed)} is back."
    return f" {back} The intact model trained as long is at {control:.3f}. One run each: seeds are not compared."


def table_of(data: HealData) -> Table:
    """Return loss and copying at every measurement, for every cut."""
    rows = [
        (cut, str(step), f"{tokens:,}", loss.value, f"{loss.low:.3f} to {loss.high:.3f}", copying.value)
        for cut, curve in data.curves.items()
        for step, tokens, loss, copying in zip(curve.steps, curve.tokens, curve.loss, curve.copying)
    ]
    n = data.curves[data.cut].loss[0].n
    columns = ("cut away", "steps", "tokens", "loss", "95 % interval", "copying")
    return Table(f"Nats a token over {n} stories, share of lists copied", columns, rows)


def code_of(name: str, state: HealState, documents: int, questions: int) -> str:
    """Return the lines that cut, heal and measure."""
    part, n = CUTS[state.cut]
    return "\n".join([
        "import labkit",
        "from labkit import world",
        "from labkit.interventions import heal, shrink",
        "from labkit.measurements import choice_accuracy, loss",
        "from labkit.papers.what_matters import one_shot",
        "",
        f"model = labkit.load({name!r})",
        "",
        "def stories(seed):",
        f"    texts = world.documents('stories', {documents}, seed=seed, split='test')",
        "    return [model.encode(one.text)[:96] for one in texts]",
        "",
        f"plan = one_shot(model, stories(1), {n}, {part!r})  # the lowest scores",
        "before = loss(shrink(model, plan) if len(plan) else model, stories(0))",
        "healed = heal(model, plan, steps=40)  # the panel also shows it on the way",
        "after = loss(healed.model, stories(0))",
        f"print(before, after, choice_accuracy(healed.model, world.copying_questions({questions}, 0, 'test')))",
    ])  # fmt: skip
