"""The tokenizer: lossless on any text, one piece for each word of the world, the shipped file made by its command."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import BadInput, BrokenFile
from labkit.world import canon, pieces
from labkit.world.vocabulary import known_words


@pytest.fixture(scope="module")
def tokenizer():
    return world.tokenizer()


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.text(alphabet=" \n\"'.,:;?!aAtThelantr19é‹›▁Ġ<>"))
@example(text="Bo  lives on Lull.")
@example(text=" Bo lives on Lull.")
@example(text="Bo lives on Lull. ")
@example(text="  ")
def test_any_text_survives(text):
    tokenizer = world.tokenizer()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not {tokenizer.bos, tokenizer.eos} & set(ids)
    assert all(0 <= i < tokenizer.vocab_size for i in ids)


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(st.sampled_from([*sorted(known_words()), ".", ",", '"', '?"', "'s", "x9", "Bo", "  ", "\n"])),
    glue=st.sampled_from(["", " "]),
)
def test_the_short_way_agrees_with_the_library(words, glue):
    tokenizer = world.tokenizer()
    text = glue.join(words)
    assert tokenizer.encode(text) == tokenizer.inner.encode(text, add_special_tokens=False).ids


def test_the_specials_cannot_be_written(tokenizer):
    ids = tokenizer.encode(f"{pieces.BOS} and {pieces.EOS}")
    assert tokenizer.bos not in ids and tokenizer.eos not in ids
    assert tokenizer.decode([tokenizer.bos, *ids, tokenizer.eos]) == f"{pieces.BOS} and {pieces.EOS}"


def test_size_and_shape(tokenizer):
    assert 1000 <= tokenizer.vocab_size <= 2000
    assert sorted(tokenizer.inner.get_vocab().values()) == list(range(tokenizer.vocab_size))


@pytest.mark.parametrize("part", world.PARTS)
@pytest.mark.parametrize("split", world.SPLITS)
def test_every_word_of_the_world_is_one_piece(tokenizer, part, split):
    for document in world.documents(part, 100, seed=6, split=split):
        ids = tokenizer.encode(document.text)
        assert tokenizer._plain(document.text) == ids
        assert "".join(tokenizer.pieces(ids)) == " " + document.text


def test_names_are_one_piece_wherever_they_stand(tokenizer):
    for name in (*canon.NAMES, *canon.ISLANDS):
        (alone,) = tokenizer.encode(name)
        assert tokenizer.encode(f"Who is {name}?")[-2] == alone


@pytest.mark.parametrize(
    "ask",
    [
        world.questions,
        world.facts_questions,
        world.recall_questions,
        world.copying_questions,
        world.places_questions,
    ],
)
def test_an_option_is_one_piece_after_its_prompt(tokenizer, ask):
    for question in ask(50, 2):
        prompt = tokenizer.encode(question.prompt)
        for option in question.options:
            whole = tokenizer.encode(question.prompt + option)
            assert whole[:-1] == prompt
        start, added = question.encoded(tokenizer)
        assert start == [tokenizer.bos, *prompt]
        assert [tokenizer.pieces(ids) for ids in added] == [[option] for option in question.options]


def test_documents_carry_begin_and_end(tokenizer):
    (ids,) = tokenizer.encode_documents(["Bo lives on Lull."])
    assert ids[0] == tokenizer.bos and ids[-1] == tokenizer.eos
    assert tokenizer.decode(ids) == "Bo lives on Lull."
    assert tokenizer.pieces(ids)[1:3] == [" Bo", " lives"]


def test_what_is_no_text_or_no_piece_is_refused(tokenizer):
    with pytest.raises(BadInput, match="int is not a text"):
        tokenizer.encode(3)
    with pytest.raises(BadInput, match="surrogate"):
        tokenizer.encode("half \ud800")
    with pytest.raises(BadInput, match="no piece"):
        tokenizer.pieces([tokenizer.vocab_size])


def test_a_missing_or_broken_file_says_how_to_write_it_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "_path", lambda: tmp_path / "tokenizer.json")
    for content in (None, "{", '{"model": 3}'):
        if content is not None:
            (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(BrokenFile, match=r"labkit\.world\.pieces"):
            pieces.load.__wrapped__()


@pytest.mark.slow
def test_the_command_writes_the_shipped_file(tmp_path, monkeypatch, capsys):
    shipped = (data_dir() / "tokenizer" / "tokenizer.json").read_bytes()
    monkeypatch.setattr(pieces, "_path", lambda: tmp_path / "tokenizer.json")
    pieces.main()
    assert (tmp_path / "tokenizer.json").read_bytes() == shipped
    assert "pieces" in capsys.readouterr().out


def test_a_corpus_is_the_stream_in_ids(tokenizer):
    shares = {"stories": 0.6, "recall": 0.4}
    made = world.corpus(shares, 5000, seed=3)
    count = sum(map(len, made))
    assert 5000 <= count < 5000 + max(map(len, made))
    source = world.stream(shares, seed=3)
    assert [tokenizer.decode(ids) for ids in made] == [next(source).text for _ in made]
