"""What the picture of the cut panel shows, in words."""

from __future__ import annotations

from labkit.measurements.readings import Reading, candidates

from ..experiments.cut import CutData, name_of

__all__ = ["percent", "sentence_of"]


def sentence_of(data: CutData) -> str:
    """Return what the picture shows, in words."""
    if data.part == "nothing":
        says = f"Nothing is cut. The model {_says(data, data.cut)}."
        loss = f"Its loss on the text is {data.cut.loss:.2f} nats a token."
    else:
        says = f"Without {name_of(data.part, data.layer)} the model {_compared(data)}."
        loss = f"Loss on the text, nats a token: {data.intact.loss:.2f} intact, {data.cut.loss:.2f} cut."
    return " ".join(part for part in (says, _verdict(data), loss, _unseen(data)) if part)


def _says(data: CutData, reading: Reading) -> str:
    """Return what a reading says, where it says one of the words at all."""
    best = _best(reading)
    if best is None:
        return f"goes on with none of these {_kind(data)}: together they have {percent(sum(reading.probabilities))}"
    return f"says{data.words[best]} ({percent(reading.probabilities[best])})"


def _compared(data: CutData) -> str:
    before, after = _best(data.intact), _best(data.cut)
    if before is None:
        return _says(data, data.cut) + ", and said none of them before" * (after is not None)
    said, was = data.words[before], percent(data.intact.probabilities[before])
    if after is None:
        return f"{_says(data, data.cut)}, where{said} alone had {was}"
    if after == before:
        return f"still says{said} ({percent(data.cut.probabilities[after])}, intact {was})"
    return f"{_says(data, data.cut)} and no longer{said} ({percent(data.cut.probabilities[before])}, intact {was})"


def percent(share: float) -> str:
    """Return a share in whole percent; what rounds to none or all of it is only said to be near."""
    return "under 1 %" if share < 0.005 else "over 99 %" if share > 0.995 else f"{share:.0%}".replace("%", " %")


def _kind(data: CutData) -> str:
    return "names" if set(data.words) == set(candidates("".join(data.words))) else "words"


def _best(reading: Reading) -> int | None:
    """Return which candidate a model says, or None when all other words together are likelier than the best."""
    best = max(range(len(reading.probabilities)), key=reading.probabilities.__getitem__)
    return best if reading.probabilities[best] > 1 - sum(reading.probabilities) else None


def _knows(data: CutData, reading: Reading) -> bool:
    """Whether the right word is more probable than all other words together."""
    return reading.probabilities[data.words.index(data.right)] > 0.5


def _verdict(data: CutData) -> str:
    if data.right is None:
        return ""
    before, after = _knows(data, data.intact), _knows(data, data.cut)
    if data.part == "nothing":
        return "It knows who has the lantern." if after else "It does not know who has the lantern."
    return {
        (True, True): "It still knows who has the lantern.",
        (True, False): "It no longer knows who has the lantern.",
        (False, True): "Now it knows who has the lantern; intact it did not.",
        (False, False): "It did not know who has the lantern, nor does it now.",
    }[before, after]


def _unseen(data: CutData) -> str:
    if not data.unseen:
        return ""
    shown = ", ".join(f"“{word}”" for word in data.unseen[:5]) + (", …" if len(data.unseen) > 5 else "")
    return f"Words it has never seen: {shown}."
