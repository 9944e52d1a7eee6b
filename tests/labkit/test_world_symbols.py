"""A small language: words to ids and back, and a word it does not have is named."""

import pytest

from labkit import world
from labkit.base.errors import BadInput


def test_words_and_characters_come_back():
    words = world.Symbols(["red", "blue"])
    assert words.encode("blue red") == [3, 2] and words.decode([0, 3, 2, 1]) == "blue red"
    assert words.encode_documents(["red"]) == [[0, 2, 1]] and words.vocab_size == 4
    digits = world.Symbols("0123456789+", between="")
    assert digits.decode(digits.encode("12+3")) == "12+3" and digits.pieces([2]) == ["0"]


def test_what_cannot_be_is_named():
    words = world.Symbols(["red", "blue"])
    with pytest.raises(BadInput, match="'green' is no word"):
        words.encode("red green")
    with pytest.raises(BadInput, match="no piece 9"):
        words.pieces([9])
    with pytest.raises(BadInput, match="repeat"):
        world.Symbols(["a", "a"])
    with pytest.raises(BadInput, match="without a space"):
        world.Symbols(["ab"], between="")
