"""Patchers: who may know the text to come, what thresholds do at their ends, and the authors' own pieces."""

import json

import numpy as np
import pytest
import torch

from labkit import world
from labkit.base.errors import BadInput
from labkit.papers.byte_latent_transformer.experiments.cutting import cut, patch_sizes
from labkit.papers.byte_latent_transformer.method.blocks import ByteWindow
from labkit.papers.byte_latent_transformer.method.entropy import CNN, ByteEntropies, NGrams, entropy_of
from labkit.papers.byte_latent_transformer.method.patching import (
    BPE,
    Delimited,
    Entropy,
    Space,
    Strided,
    TopK,
    calibrated,
    patches,
)
from labkit.papers.byte_latent_transformer.task import DELIMITER, OFFSET, byte_ids, pages, text_of, transliterated

TEXT = "The lantern was with Uma. “Héé!” 日本 \U0001f469‍\U0001f680\n\nUma sang, and the ferry  left."
TEXTS = pages(12, seed=3, split="valid")


@pytest.fixture(scope="module")
def entropies():
    model = ByteWindow(vocab=260, width=16, depth=2, heads=2, ffn=32, context=64, window=12, init_std=0.4).build(1)
    return ByteEntropies(model)


@pytest.fixture(scope="module")
def incremental(entropies):
    return {
        "strided": Strided(4),
        "strided 4.5": Strided(4.5),
        "byte": Strided(1),
        "space": Space(),
        "global": Entropy(entropies, above=4.5),
        "monotonic": Entropy(entropies, rise=0.1),
        "both": Entropy(entropies, above=4.4, rise=0.0),
        "longest": Entropy(entropies, above=5.0, longest=5),
        "reset": Entropy(ByteEntropies(entropies.model, reset=True), above=4.5),
        "n-grams": Entropy(NGrams([byte_ids(text) for text in TEXTS]), above=1.0),
        "convolution": Entropy(ByteEntropies(CNN.build(0, width=8)), above=4.5),
        "delimited": Delimited(),
    }


def test_incremental_patchers_never_move_an_earlier_boundary(incremental):
    for name, patcher in incremental.items():
        ids = byte_ids(TEXT)
        if name == "delimited":
            ids = Delimited.write(ids, Strided(3).starts(ids))
        whole = patcher.starts(ids)
        assert patcher.incremental and len(whole) == len(ids) + 1 and whole[0]
        assert 2 < whole.sum() <= len(whole), name
        for n in range(1, len(ids)):
            np.testing.assert_array_equal(patcher.starts(ids[:n]), whole[: n + 1], err_msg=f"{name}, {n}")


def test_bpe_and_top_k_do_move_earlier_boundaries(entropies):
    bpe = BPE(world.tokenizer())
    before, after = (bpe.starts(byte_ids(text)) for text in ("The ferr", "The ferry"))
    assert not bpe.incremental and (before[:8] != after[:8]).any()
    top, ids = TopK(entropies, 4), byte_ids(TEXT)
    whole = top.starts(ids)
    assert not top.incremental
    assert any((top.starts(ids[:n])[:n] != whole[:n]).any() for n in range(8, len(ids)))
    assert whole.sum() in (round(len(ids) / 4), round(len(ids) / 4) + 1)  # the first byte starts in any case


def test_bpe_patches_are_the_tokens():
    for text in (TEXT, "a", "THE LANTERN of Uma", " two  spaces ", "日本", *TEXTS[:4]):
        lengths = [len(patch) for patch in patches(text, BPE(world.tokenizer()))]
        assert sum(lengths) == len(text.encode()) and min(lengths) > 0
    assert patches("The lantern.", BPE(world.tokenizer())) == [b"The", b" lantern", b"."]


def test_the_space_patcher_gives_the_authors_pieces():
    assert patches("the cat, sat!!  on  mat", Space()) == [b"the ", b"cat,", b" sat!", b"!  on ", b" mat"]
    # A lead byte is space-like: it ends the patch of the letter before, and its continuation opens the next one.
    assert patches("é", Space()) == ["é".encode()]
    assert patches("aé", Space()) == [b"a\xc3", b"\xa9"]


def test_thresholds_at_their_ends(entropies):
    ids = byte_ids(TEXT)
    assert Entropy(entropies, above=-np.inf).starts(ids).all()
    assert Entropy(entropies, above=np.inf).starts(ids).sum() == 1
    for rule in ("above", "rise"):
        counts = [Entropy(entropies, **{rule: at}).starts(ids).sum() for at in np.linspace(-6, 6, 40)]
        assert counts == sorted(counts, reverse=True)
    both = Entropy(entropies, above=4.4, rise=0.0).starts(ids)
    alone = Entropy(entropies, above=4.4).starts(ids), Entropy(entropies, rise=0.0).starts(ids)
    np.testing.assert_array_equal(both[1:], alone[0][1:] & alone[1][1:])


def test_the_longest_patch_is_kept(entropies):
    ids = byte_ids(TEXT * 3)
    cuts = np.flatnonzero(Entropy(entropies, above=np.inf, longest=7).starts(ids))
    assert (np.diff(cuts) == 7).all()


def test_a_threshold_reaches_the_size_it_was_made_for(entropies):
    all_h = [entropies(byte_ids(text)) for text in TEXTS]
    for rule in ("above", "rise"):
        at = calibrated(all_h, 4.0, rule)
        starts = [Entropy(entropies, **{rule: at}).from_entropies(h)[:-1] for h in all_h]
        size = sum(map(len, starts)) / sum(int(row.sum()) for row in starts)
        assert size == pytest.approx(4.0, rel=0.03)
    with pytest.raises(BadInput, match="too short"):
        calibrated([np.array([1.0, 2.0, 3.0])], 4.0)


def test_entropy_has_its_minus_sign_and_its_bounds(entropies):
    assert entropy_of(torch.zeros(260)) == pytest.approx(np.log(260))
    h = entropies(byte_ids(TEXT))
    assert (h >= 0).all() and (h <= np.log(260) + 1e-5).all() and len(h) == len(byte_ids(TEXT)) + 1
    counts = NGrams([byte_ids("abababab")], order=2)
    assert counts.distribution((OFFSET + 97,))[OFFSET + 98] > 0.5
    assert counts.distribution((1, 2)).sum() == pytest.approx(1)


def test_a_long_line_is_read_in_pieces_as_in_one_go(entropies):
    ids = byte_ids("So it was; " * 40)
    whole = ByteEntropies(entropies.model)
    whole.context = 10_000
    entropies.model.config.__dict__["context"] = 10_000  # the decoder itself checks
    try:
        expected = whole(ids)
    finally:
        entropies.model.config.__dict__["context"] = 64
    np.testing.assert_allclose(entropies(ids), expected, atol=2e-5)
    assert len(Space().starts(byte_ids("x" * 100_000))) == 100_001
    assert sum(map(len, patches("ferry " * 17_000, BPE(world.tokenizer())))) == 102_000


def test_a_line_of_100_kilobytes_is_cut_by_entropy_too(entropies):
    line = "ferry " * 17_000
    found = patches(line, Entropy(entropies, above=4.5, longest=9))
    assert b"".join(found).decode() == line and max(map(len, found)) <= 9
    with pytest.raises(BadInput, match="at most 400"):
        cut(line, {})


def test_how_long_patches_are_is_counted():
    found = patch_sizes(["the cat, sat", "abcdefgh"], {"three": Strided(3), "spaces": Space()}, most=6)
    assert found.counts == {"three": (0, 1, 6, 0, 0, 0), "spaces": (0, 0, 0, 3, 0, 1)}
    assert sum(found.shares("three")) == pytest.approx(1) and "33%" not in found.table() and "86%" in found.table()


def test_a_newline_resets_the_entropies(entropies):
    reset = ByteEntropies(entropies.model, reset=True)
    first, second = byte_ids("One line.\n"), byte_ids("Another line")
    h = reset(np.concatenate((first, second)))
    np.testing.assert_allclose(h[len(first) :], reset(second), atol=1e-6)
    assert np.abs(entropies(np.concatenate((first, second)))[len(first) :] - reset(second)).max() > 0.01


def test_delimiters_lengthen_the_text_and_cut_where_they_stand():
    ids = byte_ids("The lantern was out")
    starts = BPE(world.tokenizer()).starts(ids)
    written = Delimited.write(ids, starts)
    assert len(written) == len(ids) + starts[: len(ids)].sum() - 1 and text_of(written) == "The lantern was out"
    assert (written[np.flatnonzero(Delimited().starts(written)[:-1])[1:] - 1] == DELIMITER).all()


@pytest.mark.parametrize("text", ["‮שלום", "a‍b​c", "👩‍👩‍👧‍👦", b"\xff\xfe\x80", "x", "\x00\x7f"])
def test_odd_texts_are_cut_and_come_back_whole(text, incremental):
    data = text.encode() if isinstance(text, str) else text
    for patcher in incremental.values():
        assert b"".join(patches(text, patcher)) == data
    if isinstance(text, str):
        assert text_of(byte_ids(text)) == text


def test_what_cannot_be_is_refused(entropies):
    for bad in ("", b""):
        with pytest.raises(BadInput, match="empty"):
            byte_ids(bad)
    with pytest.raises(BadInput, match="no text"):
        byte_ids(None)
    with pytest.raises(BadInput, match="Half a character"):
        byte_ids("\ud800")
    for thresholds in ({"above": float("nan")}, {}, {"rise": float("nan")}, {"above": 1.0, "longest": 0}):
        with pytest.raises(BadInput):
            Entropy(entropies, **thresholds)
    with pytest.raises(BadInput, match="from 1 up"):
        Strided(0)
    wide = ByteWindow(vocab=260, width=16, depth=9, heads=2, ffn=32, context=64, window=12).build(1)
    with pytest.raises(BadInput, match="read in pieces"):
        ByteEntropies(wide)


def test_other_scripts_take_more_bytes():
    for script, width in (("Greek", 2), ("Cyrillic", 2), ("Devanagari", 3)):
        assert len(transliterated("lantern", script).encode()) == 7 * width
        written = transliterated("Abc 7 xyz", script)
        assert written == transliterated("abc 7 xyz", script) and written[3:6] == " 7 "
        assert not set(written) & set("abcxyz")
        assert json.loads(json.dumps(written)) == written == text_of(byte_ids(written))
