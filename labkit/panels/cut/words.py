"""An answer of the cut panel in words, as a table, and as lines that run."""

from __future__ import annotations

from labkit.panels.tables import Table

from .data import EDITS, GO_ON, MOST_PROBABLE, CutData, CutState, Reading

__all__ = ["code_of", "name_of", "sentence_of", "table_of"]


def name_of(part: str, layer: int) -> str:
    """Return a part in words: "the MLP of layer 2"."""
    shown = {"attention": "the attention", "mlp": "the MLP", "block": "the whole block"}
    return "nothing" if part == "nothing" else f"{shown[part]} of layer {layer}"


def sentence_of(data: CutData) -> str:
    """Return what the picture shows, in words."""
    first, now = _best(data.intact), _best(data.cut)
    before, after = (dict(zip(data.words, side.probabilities)) for side in (data.intact, data.cut))
    said, says = data.words[first], data.words[now]
    if data.part == "nothing":
        head = f"Nothing is cut. The model says{says} ({after[says]:.0%}){_verdict(data)}."
        return f"{head} The text surprises it by {data.cut.loss:.2f} nats a token.{_unseen(data)}"
    head = f"Without {name_of(data.part, data.layer)} the model "
    if after[says] < 1 - sum(data.cut.probabilities):
        head += f"goes on with none of the names (the likeliest,{says}, has {after[says]:.0%};"
        head += f"{said} had {before[said]:.0%})"
    elif said == says:
        head += f"still says{says} ({after[says]:.0%}, intact {before[says]:.0%})"
    else:
        head += f"says{says} ({after[says]:.0%}) and no longer{said} ({after[said]:.0%}, intact {before[said]:.0%})"
    change = f"Its surprise at the text goes from {data.intact.loss:.2f} to {data.cut.loss:.2f} nats a token."
    return f"{head}{_verdict(data)}. {change}{_unseen(data)}"


def _best(reading: Reading) -> int:
    return max(range(len(reading.probabilities)), key=reading.probabilities.__getitem__)


def _knows(data: CutData, reading: Reading) -> bool:
    """Whether the right word is more probable than all other words together."""
    return reading.probabilities[data.words.index(data.right)] > 0.5


def _verdict(data: CutData) -> str:
    if data.right is None:
        return ""
    if data.part == "nothing":
        return ": it knows who has the lantern" if _knows(data, data.cut) else ": it does not know who has the lantern"
    return {
        (True, True): ": it still knows who has the lantern",
        (True, False): ": it no longer knows who has the lantern",
        (False, True): ": it knows who has the lantern, which it did not before",
        (False, False): ": it does not know who has the lantern, nor did it before",
    }[_knows(data, data.intact), _knows(data, data.cut)]


def _unseen(data: CutData) -> str:
    if not data.unseen:
        return ""
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5]) + (", …" if len(data.unseen) > 5 else "")
    return f" Words it has never seen: {shown}."


def table_of(data: CutData) -> Table:
    """Return the numbers of both readings."""
    rows = [
        (word.strip() + (" (right)" if word == data.right else ""), before, after)
        for word, before, after in zip(data.words, data.intact.probabilities, data.cut.probabilities)
    ]
    rest = [1 - sum(reading.probabilities) for reading in (data.intact, data.cut)]
    rows += [("any other word", *rest), ("surprise at the text, nats a token", data.intact.loss, data.cut.loss)]
    rows += [("goes on", data.intact.goes_on, data.cut.goes_on)]
    caption = f"Probability of the next word after {data.tokens} tokens; cut: {name_of(data.part, data.layer)}"
    return Table(caption, ("", "intact", "cut"), rows)


def code_of(name: str, state: CutState, words: tuple[str, ...]) -> str:
    """Return the lines that read the text with the part left out."""
    context = "torch.no_grad()"
    if state.part != "nothing":
        context = f"labkit.edit(model, labkit.{EDITS[state.part]}({state.layer})), {context}"
    if words:
        chosen = [
            f"words = {list(words)!r}",
            "first = [int(model.encode(text + word)[len(ids)]) for word in words]  # the first piece of each",
        ]
    else:  # a text without residents: the pieces that the intact model finds most probable
        chosen = [
            "with torch.no_grad():",
            f"    first = model.model(ids[None]).logits[0, -1].topk({MOST_PROBABLE}).indices.tolist()",
            "words = model.pieces(first)",
        ]
    lines = [
        "import torch",
        "",
        "import labkit",
        "",
        f"model = labkit.load({name!r})",
        f"text = {state.story!r}",
        "ids = model.encode(text)",
        *chosen,
        "",
        f"with {context}:",
        "    logits = model.model(ids[None]).logits[0]  # [L, V]",
        f"    said = model.generate(text, max_new_tokens={GO_ON})",
        "",
        "probabilities = logits[-1].softmax(-1)[first].tolist()",
        "loss = torch.nn.functional.cross_entropy(logits[:-1], ids[1:]).item()  # nats per token",
        "print(dict(zip(words, probabilities)), loss, said[len(text):])",
    ]
    return "\n".join(lines)
