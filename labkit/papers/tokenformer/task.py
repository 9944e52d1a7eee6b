"""The texts: stories of the world (corpus A), and its facts, which read quite differently (corpus B).

The paper trains on OpenWebText, and grows its model on another corpus, enwik8, to see what it forgets. Every row begins
with the beginning of a document, so that its first tokens are never the middle of something.

Shapes: B rows, L tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import torch
from torch import Tensor

from labkit import world
from labkit.base.errors import BadInput
from labkit.world import Symbols

__all__ = ["CORPORA", "LENGTH", "IslandWords", "rows", "tokenizer"]

LENGTH = 96  # tokens predicted in a row; stories have 146 on average
CORPORA = {"stories": "A", "facts": "B"}
_PIECE = re.compile(r"[\w'’]+|[^\w\s]")


_WORDS = """
, . ? Abel Ada Adil Aiko Aino Akira Alba All Alma Amara Amir Anouk Anton Anya Arlo As Asha Ask Astrid At Aziz Basma
Bela Benno Berta Bilal Birgit Blanca Bo Bodil Brack Breathe Bruno By Cai Carla Cato Celia Cem Chiara Chidi Clara
Cosmo Cyrus Dag Dalia Daria Davor Delia Deniz Diego Dina Do Dov Dunya Ebba Edda Efe Eino Eleven Elif Elio Elsa Emeka
Emil Enzo Erik Esme Esther Everybody Ewa Fadi Farid Faye Felix Fenna Finn Flora For Freya Gaia Gil Gita Give Goro
Greta Gwen Hadi Halima Hamid Hana Hedda Helmi Hiro Hollow Huda Hugo I Ida Idris If Ilo Ilse Imani In Ines Inga Ioan
Irma Isak Isla It Ivo Jada Jamal Jana Jarek Jens Jin Jonas Jorge Jude Juno Kaia Kamal Karim Kato Kaya Keiko Kenji
Kira Knut Kofi Laila Lars Leif Lena Leo Less Letters Leyla Liam Lin Listen Livia Look Lotte Luca Luis Lull Luz Magda
Malik Mara Marek Marta Mateo Maya Mei Milan Mina Mira Musa Nadia Nara Nasir Nell Nia Nico Night Nils Nina Nobody
Noor Nothing Nuno Oda Odile Olga Omar Orla Oskar Otis Otto Paco Petra Pia Piet Pilar Please Priya Quill Rafa Rana
Ravi Remy Rhea Rina Rolf Rosa Rumi Ruth Sable Salma Samir Sanna Sara Say Sefa Selma Shen Signe Silas Sit So Sofia
Soren Sunil Sven Tala Tamar Tariq Tern Tess That The Theo There They Thrift Tilda Timur Tomas Tove Tuva Ugo Ulla Uma
Umar Vasil Vera Vesna Viggo Viola Vito Wali Walt Wanda We What Who Why Wick Willa Wilma Wim Wren Yael Yana Yannis
Yara Ylva Yoko You Yuki Yusuf a about again all allow almost always an and are arrive as asked at back bag baker
bakery barrels basket be beans beekeeper bees began behind bell belongs between big bird birdwatcher black blew blue
boat boatbuilder bottle box bread brown burned but came can candle candlemaker captain care carpenter carried caught
chalk changed clear cleared clock clockmaker coil colour comes comma cook corrected counted cut day did do doctor
dog dough down drew dried dry early eat eats eggs eighth eleven evening every feather fell fence ferry find finished
fish fisher float floats flower for fork found further gardener gate gatekeeper gave glass glassblower go goat got
great green grey grocer gull gulls had handed has held here hid hold home honey house hummed in iron is island it
jar judge jug keeps kept key knew knot know knows lamps lantern large learned left lent light like likes lives loaf
locked look looked low made map mapmaker market may measured more morning mostly moved needed new news no nobody
nodded noon not note nothing notice now oar of off old on one onto orange out painted paper passed pie please
pleased plum plums poem poet polished postcard postmaster put quarrel quay radishes rang read red rhymes rice rope
ropemaker row said salt salter sat save scarf sea settled shed short sighed sign signed sit sky slept small so soup
squeeze stairs stamp still stool storm stormy sun supper take tall tasted teacher that the there think this though
three ticket tide tied time times tin to told tonight took torn touch tower trade traded tuner tuning twice two
under undid until up usual very visiting wait waited walk warm was water watered waved wax weaver well wellkeeper
went white who will wind with woke works wound yellow you
"""


class IslandWords(Symbols):
    """Words and signs of the world's stories and facts, in ordinary spelling: "Juno is on Lull." has five pieces."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`; raise `BadInput` for a word that neither stories nor facts hold."""
        return super().encode(" ".join(_PIECE.findall(text)))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, signs close to their words."""
        text = re.sub(r" ([,.?])", r"\1", super().decode(ids))
        return re.sub(r'" ?([^"]*?) ?("|$)', r'"\1\2', text)


@cache
def tokenizer() -> IslandWords:
    """Return the vocabulary of this lesson's models."""
    return IslandWords([*_WORDS.split(), '"'])  # a quotation mark would end the text above


def rows(corpus: str, n: int, *, seed: int, split: str = "train", length: int = LENGTH) -> Tensor:
    """Return `n` rows [n, length + 1] of a corpus: each starts a document, and short ones are followed by the next.

    The documents are the stream of this seed and split, each used once. Raises `BadInput` for another corpus.
    """
    if corpus not in CORPORA:
        raise BadInput(f"{corpus!r} is no corpus of this lesson.", expected=" or ".join(CORPORA))
    words, filled, number = tokenizer(), [], 0
    while len(filled) < n:
        row: list[int] = []
        while len(row) <= length:
            row += [words.bos, *words.encode(world.document(corpus, number, seed, split).text)]
            number += 1
        filled.append(row[: length + 1])
    return torch.tensor(filled, dtype=torch.long).reshape(n, length + 1)
