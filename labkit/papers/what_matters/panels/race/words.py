"""An answer of the race in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.base.numbers import signed
from labkit.panels.tables import Table

from .data import PROBES, RaceData, RaceState

__all__ = ["NAMES", "code_of", "sentence_of", "table_of"]

NAMES = {"attention": "attention", "mlp": "MLP", "block": "block", "joint": "joint", "random": "random"}


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %").replace("-", "−")


def _spoken(probe: str) -> str:
    return next(words for words, name in PROBES.items() if name == probe)


def sentence_of(data: RaceData) -> str:
    """Return what the picture shows, in words."""
    race, whole, k = data.race, data.race.intact[data.probe], data.gone
    start = (
        f"{race.model} intact: loss {race.base.value:.3f} nats a token, {_spoken(data.probe)} {_percent(whole.value)}"
    )
    start += f" right (chance {_percent(whole.null)}). "
    unknown = "" if whole.excludes(whole.null) else "Even intact this skill cannot be told from chance. "
    if not k:
        return start + unknown + "Nothing is gone yet."
    said = []
    for name in race.loss:
        loss, skill = race.loss[name][k], race.probes[data.probe][name][k]
        said.append(f"{NAMES[name]} {signed(loss.value, 2)} and {_percent(skill.value)}")
    says = f"{start}{unknown}With {k} gone, loss and skill: {'; '.join(said)}."
    return says if unknown else says + _first(data)


def _first(data: RaceData) -> str:
    """Say where the skill has lost a larger share of itself than the loss of what was learnt."""
    gaps = {name: data.kept_loss(name) - data.kept_skill(name) for name in data.race.loss}
    name = max(gaps, key=gaps.__getitem__)
    kept, skill = max(0.0, data.kept_loss(name)), max(0.0, data.kept_skill(name))
    if gaps[name] < 0.05:
        return " Nowhere has the skill fallen further than the loss."
    return (
        f" The skill is furthest ahead of the loss for {NAMES[name]}: {_percent(kept)} of what the loss had won over "
        f"guessing by frequency is left, {_percent(skill)} of the skill above chance."
    )


def table_of(data: RaceData) -> Table:
    """Return loss and skill of every strategy with their intervals."""
    rows = []
    for name in data.race.loss:
        loss, skill = data.race.loss[name][data.gone], data.race.probes[data.probe][name][data.gone]
        gone = ", ".join(data.race.orders.get(name, ())[: data.gone]) or "–"
        rows.append((
            NAMES[name], signed(loss.value), f"{signed(loss.low)} to {signed(loss.high)}", f"{skill.value:.2f}",
            f"{skill.low:.2f} to {skill.high:.2f}", gone,
        ))  # fmt: skip
    columns = ("strategy", "change of loss", "95 % interval", data.probe, "95 % interval", "gone")
    n = (data.race.base.n, data.race.intact[data.probe].n)
    return Table(
        f"{data.gone} parts gone; {n[0]} stories (nats a token), {n[1]} questions (share right)", columns, rows
    )


def code_of(name: str, state: RaceState, documents: int, questions: int) -> str:
    """Return the lines that measure every strategy with `state.gone` parts gone."""
    makers = {"copying": "copying_questions", "lantern": "questions", "facts": "facts_questions",
              "recall": "recall_questions"}  # fmt: skip
    return "\n".join([
        "import labkit",
        "from labkit import world",
        "from labkit.measurements import choice_accuracy, loss",
        "from labkit.papers.what_matters import RandomOrder",
        "from labkit.papers.what_matters import one_shot",
        "",
        f"model, gone = labkit.load({name!r}), {state.gone}",
        "",
        "def stories(seed):",
        f"    texts = world.documents('stories', {documents}, seed=seed, split='test')",
        "    return [model.encode(one.text) for one in texts]",
        "",
        "scored, held_out = stories(1), stories(0)",
        f"asked = world.{makers[state.probe]}({questions}, 0, 'test')",
        "plans = {part: one_shot(model, scored, gone, part) for part in ('attention', 'mlp', 'block', 'joint')}",
        "plans['random'] = one_shot(model, None, gone, 'joint', RandomOrder(0))  # one order of several",
        "",
        "found = {}",
        "for strategy, plan in plans.items():",
        "    with labkit.edit(model, plan):",
        "        found[strategy] = loss(model, held_out), choice_accuracy(model, asked)",
        "    print(strategy, *found[strategy])",
    ])  # fmt: skip
