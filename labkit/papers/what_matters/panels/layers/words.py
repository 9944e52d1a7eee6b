"""An answer of the grid of layers in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.base.numbers import signed
from labkit.measurements.readings import GO_ON
from labkit.panels.tables import Table

from .data import LONGEST, POOL, Cells, LayerGridData, LayerGridState, as_lists

__all__ = ["code_of", "name_of", "sentence_of", "table_of"]


def name_of(gone: Cells) -> str:
    """Return parts in words: "the attention of layers 3 and 4, the whole of layer 7"."""
    lists = as_lists(gone)
    both = [layer for layer in lists.get("attention", ()) if layer in lists.get("mlp", ())]
    said = []
    for part, spoken in (("attention", "the attention of"), ("mlp", "the MLP of")):
        if alone := [layer for layer in lists.get(part, ()) if layer not in both]:
            said.append(f"{spoken} {_layers(alone)}")
    if both:
        said.append(f"the whole of {_layers(both)}")
    return ", ".join(said) or "nothing"


def _layers(layers: list[int]) -> str:
    if len(layers) == 1:
        return f"layer {layers[0]}"
    return f"layers {', '.join(map(str, layers[:-1]))} and {layers[-1]}"


def sentence_of(data: LayerGridData) -> str:
    """Return what the picture shows, in words."""
    over = f"{data.intact.n} held-out stories"
    if not data.gone:
        says = f"Nothing is left out. The loss is {data.intact.value:.3f} nats a token over {over}."
        return f"{says} The model has {data.parameters[0]:,} weights.{_unseen(data)}"
    left, all_ = data.sublayers
    change = data.change
    says = f"Without {name_of(data.gone)} ({left} of {all_} parts left) the loss is {data.cut.value:.3f} nats a token, "
    says += f"intact {data.intact.value:.3f}: {signed(change.value, 2)} ({_end(change.low)} to {_end(change.high)}, "
    says += f"95 % interval over {over}). "
    says += _verdict(data)
    weights, cache = (1 - after / before for before, after in (data.parameters, data.cache_bytes))
    says += f" Saved: {weights:.0%} of the weights, {cache:.0%} of the cache.".replace("%", " %")
    same = data.goes_on[0] == data.goes_on[1]
    says += " It goes on word for word as before." if same else f" It goes on: “{data.goes_on[1] or '(it ends)'}”"
    return says + _unseen(data)


def _end(value: float) -> str:
    return signed(value, 2) if value else "0"


def _verdict(data: LayerGridData) -> str:
    change = data.change
    if not change.excludes(0.0):
        return "On these stories no difference can be told from none."
    return "That is worse, beyond chance." if change.value > 0 else "That is better, beyond chance."


def _unseen(data: LayerGridData) -> str:
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5])
    return f" Words it has never seen: {shown}." if shown else ""


def table_of(data: LayerGridData) -> Table:
    """Return the numbers of both models."""
    change = data.change
    rows = [
        ("loss, nats a token", data.intact.value, data.cut.value),
        ("change of loss, 95 % interval", "", f"{signed(change.value)} ({_end(change.low)} to {_end(change.high)})"),
        ("parts", str(data.sublayers[1]), str(data.sublayers[0])),
        ("weights", *(f"{count:,}" for count in data.parameters)),
        (f"cache of {data.context} tokens, bytes", *(f"{count:,}" for count in data.cache_bytes)),
        ("goes on", *data.goes_on),
    ]
    return Table(f"Left out: {name_of(data.gone)}; {data.intact.n} stories", ("", "intact", "cut"), rows)


def code_of(name: str, state: LayerGridState, n: int) -> str:
    """Return the lines that measure both models."""
    lists = as_lists(state.gone)
    given = "".join(f", {part}={layers!r}" for part, layers in lists.items())
    return "\n".join([
        "from collections import Counter",
        "",
        "import labkit",
        "from labkit import world",
        "from labkit.measurements import difference, loss, sizes_of",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.text!r}",
        f"stories = [model.encode(one.text) for one in world.documents('stories', {POOL}, seed=0, split='test')]",
        f"length = Counter(n for n in map(len, stories) if n <= {LONGEST}).most_common(1)[0][0]",
        f"documents = [ids for ids in stories if len(ids) == length][:{n}]",
        f"plan = labkit.drops(model{given})",
        "",
        "intact = loss(model, documents)",
        "with labkit.edit(model, plan):",
        "    cut = loss(model, documents)",
        f"    said = model.generate(text, max_new_tokens={GO_ON})[len(text):]",
        "print(difference(cut, intact), sizes_of(model, plan).parameters, said)",
    ])  # fmt: skip
