"""A page about the place: ten days, the other kinds of text, three mistakes. Run `python -m labkit.world.samples`."""

from __future__ import annotations

from labkit.base.data import data_dir
from labkit.base.files import write_atomically

from .canon import FERRY, ISLANDS, RESIDENTS, RULES
from .reader import check
from .streams import VERSION, document, documents, floor, story

__all__ = ["page"]

_STORIES = (128, 216, 266, 404, 308, 407, 410, 317, 233, 408)


def _islands() -> list[str]:
    lines = ["| island | known for | who lives there | where things get hidden |", "| --- | --- | --- | --- |"]
    for island in ISLANDS.values():
        names = ", ".join(r.name for r in RESIDENTS.values() if r.home == island.name)
        lines.append(f"| {island.name} | {island.known_for} | {names} | {island.hiding_place} |")
    return lines


def _residents() -> list[str]:
    lines = ["| who | what they say | what they did again |", "| --- | --- | --- |"]
    for r in RESIDENTS.values():
        lines.append(f"| {r.name} the {r.trade} | “{r.saying}” | {r.habit} |")
    return lines


def _mistakes() -> list[str]:
    text = story(_STORIES[3]).text
    damages = (
        ("with Odile, and there", "with Chidi, and there"),
        ("In the evening a storm came in. ", "In the evening a storm came in. Chidi took the ferry to Wick. "),
        ("As usual, Odile undid", "As usual, Odile the submarine undid"),
    )
    lines = []
    for old, new in damages:
        verdict = " ".join(dict.fromkeys(str(problem) for problem in check(text.replace(old, new, 1))))
        lines.append(f"- “{new.strip()} …” — *{verdict}*")
    return lines


def page() -> str:
    """Return the page as Markdown."""
    sample = documents("stories", 500, seed=0)
    words = sum(len(told.text.split()) for told in sample)
    others = {part: document(part, 3, seed=0).text for part in ("facts", "copying", "recall", "choice", "places")}
    blocks = [
        "# Seven islands, one ferry, one lantern",
        f"Written by `python -m labkit.world.samples` from version {VERSION} of the world. "
        "The days below were made up by a grammar of some sixty sentences, and every word of them can be read back.",
        f"The ferry is called {FERRY}, because it needs some. It goes from island to island in a ring. There is one "
        "lantern, and at night people like to know who has it.",
        "\n".join(_islands()),
        "## The rules",
        "\n".join(f"{number}. {rule}" for number, rule in enumerate(RULES, 1)),
        "## The twenty-four",
        "\n".join(_residents()),
        "No name on the islands begins with X or Z. The first school had only one box of letters.",
        "## Ten days",
        "\n\n".join(f"**{number}.** {story(seed).text}" for number, seed in enumerate(_STORIES, 1)),
        f"A day is about {words / len(sample):.0f} words long, and each word holds {floor(sample, words):.2f} nats "
        "of surprise. The rest follows from what was said before. No reader, human or not, can do better.",
        "## Between the days",
        "\n".join(f"- *{part}*: {text}" for part, text in others.items()),
        "## Three ways to get the fourth day wrong, and what `world.check` says",
        "\n".join(_mistakes()),
    ]
    return "\n\n".join(blocks) + "\n"


def main() -> None:
    """Write the page beside the data."""
    print(write_atomically(data_dir() / "world" / "samples.md", page()))


if __name__ == "__main__":
    main()
