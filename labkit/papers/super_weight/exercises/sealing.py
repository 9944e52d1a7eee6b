"""Exercises 01.5 and 01.6: ten zeroings of the reader's choice, and four sealed models to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labkit.course.exercises import Exercise, Outcome, is_blank, right, wrong

from .disguise import JUDGE

__all__ = ["HUNT", "SEALS"]

_TRIES, _PAIRS, _SEED = 10, 150, 1  # as in the lesson
_WORSE = 0.8  # the share of sentences still found, below which a number is a find


def _check_hunt(addresses: Any) -> Outcome:
    """Set each of at most ten numbers of the encoder to zero, and judge the worst of them."""
    tried = [addresses] if isinstance(addresses, str) else list(addresses)
    if len(set(tried)) != len(tried):
        return wrong("an address stands twice in your list.", "how many different numbers you have tried")
    if not 1 <= len(tried) <= _TRIES:
        return wrong(f"these are {len(tried)} numbers.", "how many you may try at a time")
    shares, intact = _found_without(tried)
    worst = min(tried, key=shares.__getitem__)
    said = f"Intact it finds {intact:.0%}. The worst of yours is {worst}: without it {shares[worst]:.0%}."
    if shares[worst] < _WORSE:
        return right(f"{said} One number of 22 million. Keep its address: what is it, and is it large?")
    kinds = {address.split("[")[0].split(".", 2)[-1] for address in tried}
    if not any("norm" in kind for kind in kinds):
        return wrong(
            f"{said} You tried weights of matrices only; each is one of hundreds that its channel sums up.",
            "numbers that stand alone, one for each channel; `labkit.anatomy_of(encoder).tree()` lists all kinds",
        )
    if len(kinds) == 1:
        return wrong(f"{said} All of yours are of one kind, {kinds.pop()}.", "the other kinds, and the other layers")
    return wrong(f"{said} That is next to nothing.", "the largest number of each kind, layer by layer")


def _found_without(addresses: Sequence[str]) -> tuple[dict[str, float], float]:
    """Return the share of sentences still found, by the number at zero, and intact."""
    import torch

    from labkit import load, world
    from labkit.anatomy import view
    from labkit.base.errors import BadInput
    from labkit.interventions import ZeroWeight, edit

    encoder = load("minilm")
    asked, kept = map(list, zip(*world.paraphrases(_PAIRS, seed=_SEED)))

    def found() -> float:
        likeness = encoder.embed(asked) @ encoder.embed(kept).T
        return float((likeness.argmax(dim=1) == torch.arange(_PAIRS)).float().mean())

    shares = {}
    for address in addresses:
        if view(encoder, address).read().numel() != 1:
            raise BadInput(f"{address} names more than one number.", expected="one, such as layers.1.mlp.down[12, 7]")
        with edit(encoder, ZeroWeight(address)):
            shares[address] = found()
    return shares, found()


HUNT = Exercise(
    id="01.5",
    title="Ten zeroings",
    minutes=5,
    objective=JUDGE,
    difficulty="hard",
    task=(
        "Destroy this encoder with a single number. Name up to **ten** addresses at a time; each is set to zero alone, "
        "and you are told how many of the 150 sentences are still found without the worst of them. You have won when "
        "it finds fewer than eight of ten. `labkit.anatomy_of(encoder).tree()` lists what there is; "
        '`labkit.view(encoder, "layers.0.mlp.down").read()` gives the numbers of a place. Decide first where you would '
        "look, and why. After two rounds go on, and come back when you know more."
    ),
    expects='addresses of single numbers, such as ["layers.0.mlp.down[12, 7]", "layers.3.attn.q[17, 200]"]',
    check=_check_hunt,
    hints=(
        "A weight of a matrix is one of hundreds in a sum. Which numbers of this model are not in a sum?",
        "A norm has one gain for each of 384 channels. There are twelve such norms and one after the embedding.",
        "Take the single largest gain of each norm after an attention. Six numbers, one round.",
    ),
    solution=(
        "```python\n"
        'norms = [f"layers.{layer}.attn_norm" for layer in range(6)]\n'
        '[f"{norm}[{int(labkit.view(encoder, norm).read().argmax())}]" for norm in norms]\n'
        "```\n"
        "Two of the six are enough to break it, and they name the same channel. The largest *weight* of a matrix does "
        "nothing, and the largest gain after an MLP does nothing either."
    ),
    answer=[f"layers.{layer}.attn_norm[99]" for layer in range(3)],
    typical_wrong=(
        (["layers.0.mlp.down[12, 7]"], "weights of matrices only"),
        (["layers.1.mlp.down[99, 0]", "layers.0.attn.o[99, 5]"], "weights of matrices only"),
        (["layers.1.mlp_norm[0]", "layers.2.mlp_norm[5]"], "of one kind"),
        (["layers.1.mlp_norm[0]", "layers.2.attn_norm[5]"], "next to nothing"),
        (["layers.1.mlp_norm[99]", "layers.1.mlp_norm[99]"], "stands twice"),
        ([f"layers.1.mlp_norm[{channel}]" for channel in range(90, 102)], "12 numbers"),
        ("layers.1.mlp_norm[:]", "more than one number"),
    ),
)


def _check_seals(letters: Any) -> Outcome:
    """Judge the letters of the sealed models that are said to hold a super weight; false alarms count as misses do."""
    from ..experiments.sealed import SEALED, seals

    held = seals()
    spelt = letters if isinstance(letters, str) else "".join(map(str, letters))
    said = {letter for letter in spelt.upper() if letter.isalpha()}
    if is_blank(letters) or spelt.strip().lower() == "none":
        said = set()
    if strange := sorted(said - set(SEALED)):
        return wrong(f"there is no sealed model {strange[0]}.", f"the letters {', '.join(SEALED)}")
    alarms = sum(not held[letter] for letter in said)
    missed = sum(held.values()) - sum(held[letter] for letter in said)
    if not alarms and not missed:
        return right(
            "No miss and no false alarm. In A it is one of the smallest of its matrix, in D others are larger. In B "
            "two weights share the work, so neither alone is missed. C is loud, and nothing hangs on it."
        )
    counted = f"{_count(alarms, 'false alarm')} and {_count(missed, 'miss')}."
    if alarms and not missed:
        return wrong(f"{counted} You convict on suspicion.", "what becomes of the perplexity with the suspect at zero")
    if missed and not alarms:
        return wrong(
            f"{counted} You let one go that you should not have; a weight may be small and write much.",
            "the contribution, not the rank",
        )
    return wrong(f"{counted} A spike convicts nobody, and size acquits nobody.", "`ablate`, on each suspect alone")


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


SEALS = Exercise(
    id="01.6",
    title="Four sealed models",
    minutes=6,
    objective=JUDGE,
    difficulty="hard",
    task=(
        '`super_weights.sealed("A")` to `sealed("D")` are four models whose makers are not told. Some hold **one** '
        "weight that everything hangs on. Some do not: they may be loud, or lean on several weights at once, none of "
        "which is missed alone. Say which hold one. A false alarm costs as much as a miss. You have "
        "`find_super_weights`, `ablate` and `stories`, as above."
    ),
    expects='letters, such as "B" or "AC", or "none"',
    check=_check_seals,
    hints=(
        "Let the detector name suspects in each; where it names none, lower its threshold and see who is nearest.",
        "Then operate: `super_weights.ablate(model, [address], stories[:8], nulls=2)` for each suspect, alone.",
        "Two suspects on one channel: what happens without the one, without the other, and without both?",
    ),
    solution=(
        "```python\n"
        'for letter in "ABCD":\n'
        "    model = super_weights.sealed(letter)\n"
        "    seen = super_weights.find_super_weights(model, stories[0])\n"
        "    if seen.candidates:\n"
        "        print(letter, super_weights.ablate(model, seen.addresses[:2], stories[:8], nulls=2).table())\n"
        "```\n"
        "`AD`. In A the weight is tiny and reads a huge input; in D a harmless weight is the largest. In B the "
        "detector names two weights of one channel: each alone can go, both together cannot, "
        "as in Llama-13B. C is depth/pre, which you meet in lesson 08: many suspects, none needed."
    ),
    answer="AD",
    typical_wrong=(
        ("D", "no false alarms and 1 miss"),
        ("ABD", "1 false alarm and no misses"),
        ("ABCD", "2 false alarms and no misses"),
        ("B", "1 false alarm and 2 misses"),
        ("none", "no false alarms and 2 misses"),
        ("BD", "1 false alarm and 1 miss"),
        ("AE", "no sealed model E"),
    ),
)
