"""The texts and their vocabulary."""

import pytest
import torch

from labkit import world
from labkit.base.errors import BadInput
from labkit.papers.tokenformer.task import rows, tokenizer


def test_rows_start_documents_and_depend_on_the_seed_alone():
    first = rows("stories", 4, seed=3, length=40)
    assert first.shape == (4, 41)
    assert (first[:, 0] == tokenizer().bos).all()
    assert torch.equal(first, rows("stories", 4, seed=3, length=40))
    assert not torch.equal(first, rows("stories", 4, seed=4, length=40))
    assert torch.equal(first[:2], rows("stories", 2, seed=3, length=40))


@pytest.mark.parametrize("part", ["stories", "facts"])
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_every_document_can_be_written_and_read_back(part, split):
    words = tokenizer()
    for document in world.documents(part, 200, seed=77, split=split):
        text = " ".join(document.text.split())
        assert words.decode(words.encode(text)) == text


def test_strange_words_and_corpora_are_refused():
    with pytest.raises(BadInput, match="submarine"):
        tokenizer().encode("Juno took the submarine.")
    with pytest.raises(BadInput, match="corpus"):
        rows("wiki", 1, seed=0)
