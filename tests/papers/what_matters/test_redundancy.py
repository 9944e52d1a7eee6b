"""Scores of redundancy against passes written out by hand, and against their own laws."""

import math

import pytest
import torch
import torch.nn.functional as F
from families import each_family, ids_of, make

from labkit.anatomy import anatomy_of, fingerprint, record
from labkit.base.errors import BadInput, UnknownName
from labkit.figures import describe, draw
from labkit.interventions import DropMLP, ZeroWeight, edit, shrink
from labkit.measurements.layer_scores import LayerScores, ScoreMap
from labkit.papers.what_matters import calibration
from labkit.papers.what_matters.method.metrics import Cosine, RandomOrder, RelativeMagnitude, ReverseOrder, turn
from labkit.papers.what_matters.method.positions import position_scores
from labkit.papers.what_matters.method.stream import Change
from labkit.papers.what_matters.method.windows import window_scores

TEXT = [ids_of(length, seed=number)[0] for number, length in enumerate((7, 5, 7, 9))]
SAME = [ids_of(6, seed=number)[0] for number in range(4)]


def values(scores, part):
    return [None if one is None else one.value for one in scores.of(part)]


def by_hand(model, ids):
    """Return 1 - cosine per (part, layer), averaged over the tokens of one text, from what each part writes."""
    anatomy, found = anatomy_of(model), {}
    names = ["embed", *(f"layers.{i}{part}" for i in range(anatomy.depth) for part in ("", ".attn", ".mlp"))]
    seen = {name: tensor[0].double() for name, tensor in record(model, ids, names).items()}
    for layer in range(anatomy.depth):
        x = seen["embed" if layer == 0 else f"layers.{layer - 1}"]
        middle = x + seen[f"layers.{layer}.attn"]
        x_mlp = x if anatomy.blocks[layer].parallel else middle
        pairs = {"attention": (x, middle), "mlp": (x_mlp, x_mlp + seen[f"layers.{layer}.mlp"]),
                 "block": (x, seen[f"layers.{layer}"])}  # fmt: skip
        for part, (before, after) in pairs.items():
            found[part, layer] = float((1 - F.cosine_similarity(before, after, dim=-1)).mean())
    return found


@each_family
def test_scores_are_those_of_a_pass_by_hand_in_any_architecture(family):
    model = make(family, depth=3)
    before, torch_state = fingerprint(model), torch.get_rng_state()
    scores, weights = Cosine()(model, TEXT), [len(ids) for ids in TEXT]
    assert fingerprint(model) == before and torch.equal(torch.get_rng_state(), torch_state)
    rows = [by_hand(model, ids) for ids in TEXT]
    for part in ("attention", "mlp", "block"):
        for layer, one in enumerate(scores.of(part)):
            assert one.per_unit == pytest.approx([row[part, layer] for row in rows], abs=1e-6)
            mean = sum(row[part, layer] * weight for row, weight in zip(rows, weights)) / sum(weights)
            assert one.value == pytest.approx(mean, abs=1e-6) and 0 <= one.value <= 2 and one.low <= one.high
    # Parallel blocks: both parts read the stream in front of the block, and only there.
    parallel = anatomy_of(model).blocks[0].parallel
    assert parallel == (family in ("gpt_neox", "gptj"))


def test_our_decoders_scores_are_those_of_its_own_modules_called_one_by_one():
    model, ids = make("labkit", depth=3), TEXT[0]
    state = model.begin(ids[None])
    scores, inside = Cosine()(model, [ids]), Cosine(residual=False)(model, [ids])
    size = RelativeMagnitude()(model, [ids])
    with torch.no_grad():
        for layer, block in enumerate(model.trunk.blocks):
            start = state.stream
            for part in ("attention", "mlp"):
                branch, x = getattr(block, part), state.stream
                read = branch.norm(x)
                y = branch.mixer(read, state)
                state = state.with_stream(x + y)
                assert scores.of(part)[layer].value == pytest.approx(float(turn(x, x + y).mean()), abs=1e-6)
                assert inside.of(part)[layer].value == pytest.approx(float(turn(read, y).mean()), abs=1e-6)
                ratio = (y.norm(dim=-1) / (x + y).norm(dim=-1)).mean()
                assert size.of(part)[layer].value == pytest.approx(float(ratio), abs=1e-5)
            assert scores.block[layer].value == pytest.approx(float(turn(start, state.stream).mean()), abs=1e-6)
    assert inside.block == (None, None, None)


def test_a_document_scores_the_same_alone_and_among_others():
    model = make("llama", depth=2)
    for metric in (Cosine(), Cosine(residual=False), RelativeMagnitude()):
        together = metric(model, TEXT)
        alone = [metric(model, [ids]) for ids in TEXT]
        for part in ("attention", "mlp"):
            for layer in range(2):
                singles = [one.of(part)[layer].value for one in alone]
                assert together.of(part)[layer].per_unit == pytest.approx(singles, abs=1e-6)


def test_the_laws_of_the_score():
    generator = torch.Generator().manual_seed(0)
    x, delta = (torch.randn(50, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    assert float(turn(x, 3.7 * x).abs().max()) < 1e-15  # any positive multiple
    assert turn(x, x - 2 * x).tolist() == pytest.approx([2.0] * 50)  # a part that writes -2x
    assert torch.allclose(turn(x, x + delta), turn(5 * x, 5 * (x + delta)))
    assert torch.allclose(turn(x, delta), 1 - F.cosine_similarity(x, delta, dim=-1))
    assert float(turn(torch.zeros(8), torch.zeros(8))) == 0
    # S = 1 - 1/sqrt(1 + r²), r the length written across x over the length along it, wherever x + δ points along x.
    unit = x / x.norm(dim=-1, keepdim=True)
    along = (delta * unit).sum(-1, keepdim=True) * unit
    forward = (((x + along) * unit).sum(-1) > 0).nonzero()[:, 0]
    r = (delta - along).norm(dim=-1) / (x + along).norm(dim=-1)
    assert len(forward) > 20
    assert torch.allclose(turn(x, x + delta)[forward], (1 - 1 / (1 + r**2).sqrt())[forward], atol=1e-12)
    small = turn(x, x + 0.01 * delta)
    r = 0.01 * (delta - along).norm(dim=-1) / (x + 0.01 * along).norm(dim=-1)
    assert torch.allclose(r**2 / 2 - small, 1.5 * small**2, atol=1e-2 * float((small**2).max()))
    assert Cosine().rule(Change(x, -x, None, None)).tolist() == pytest.approx([2.0] * 50)


def test_a_part_that_writes_nothing_scores_zero():
    model = make("labkit", depth=3)
    with edit(model, ZeroWeight("layers.1.attn.o"), DropMLP(2)):
        scores = Cosine()(model, TEXT)
    assert scores.attention[1].value == 0 and scores.mlp[2].value == 0
    assert scores.block[2].value == pytest.approx(scores.attention[2].value, abs=1e-9)


def test_a_shrunk_model_is_scored_as_the_edited_one_is():
    for family in ("labkit", "llama"):
        model = make(family, depth=3)
        with edit(model, DropMLP(1)):
            edited = Cosine()(model, TEXT)
        small = Cosine()(shrink(model, DropMLP(1)), TEXT)
        assert small.mlp[1] is None and edited.mlp[1].value == 0
        assert values(small, "attention") == pytest.approx(values(edited, "attention"), abs=1e-9)
        assert values(small, "block") == pytest.approx(values(edited, "block"), abs=1e-9)


def test_without_the_first_token_and_with_fewer_texts():
    model = make("labkit", depth=2)
    whole, later = position_scores(model, SAME), Cosine(skip=1)(model, SAME)
    assert values(later, "attention") == pytest.approx([sum(row[1:]) / 5 for row in whole.value])
    assert values(Cosine()(model, SAME), "attention") == pytest.approx([sum(row) / 6 for row in whole.value])
    assert values(Cosine()(model, TEXT).first(2), "mlp") == pytest.approx(values(Cosine()(model, TEXT[:2]), "mlp"))
    assert "first token" in later.metric and whole.length == 6 and whole.n == 4
    assert all(low <= v <= high for lows, row, highs in zip(whole.low, whole.value, whole.high)
               for low, v, high in zip(lows, row, highs))  # fmt: skip
    with pytest.raises(BadInput, match="no 5 documents"):
        Cosine()(model, SAME).first(5)


def test_windows_of_one_are_blocks_and_the_widest_is_the_model():
    model = make("llama", depth=3)
    blocks, single = Cosine()(model, TEXT), window_scores(model, TEXT, 1)
    assert [one.value for one in single.starts] == pytest.approx(values(blocks, "block"))
    assert single.layers == (blocks.ranked("block")[0][1],)
    pairs, angles = (window_scores(model, SAME, 2, angular=angular) for angular in (False, True))
    assert len(pairs.starts) == 2 and window_scores(model, TEXT, 3).layers == (0, 1, 2)
    for layer, one in enumerate(angles.starts):
        streams = record(model, SAME[1], ["embed", "layers.0", "layers.1", "layers.2"])
        a, b = (list(streams.values())[place][0].double() for place in (layer, layer + 2))
        by_hand = torch.acos(F.cosine_similarity(a, b, dim=-1)).mean() / math.pi
        assert one.per_unit[1] == pytest.approx(float(by_hand), abs=1e-6)
    for size in (0, 4, True):
        with pytest.raises(BadInput, match="does not fit"):
            window_scores(model, TEXT, size)


def test_orders_that_read_no_text():
    model = make("labkit", depth=4)
    assert [layer for _, layer in ReverseOrder()(model).ranked("mlp")] == [3, 2, 1, 0]
    assert ReverseOrder()(model).ranked("joint")[:2] == (("attention", 3), ("mlp", 3))
    drawn = [RandomOrder(seed)(model).ranked("joint") for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 8
    assert math.isnan(RandomOrder(0)(model).attention[0].low)


def test_calibration_text_is_whole_windows_or_told():
    model = make("labkit")
    joined = torch.cat(TEXT)
    made = calibration(model, TEXT, window=8)
    assert len(made) == 3 and torch.equal(torch.cat(made), joined[:24])
    assert len(calibration(model, TEXT, window=8, n=2)) == 2
    for texts, window, n, said in (
        ([], 8, None, "no documents"),
        (TEXT, 29, None, "28 tokens long"),
        (TEXT, 8, 4, "at least 32"),
        (TEXT, 1, None, "window = 1"),
        (TEXT, 8, 0, "n = 0"),
    ):
        with pytest.raises(BadInput) as told:
            calibration(model, texts, window, n)
        assert said in str(told.value)
    for bad in ([], [[]]):
        with pytest.raises(BadInput):
            Cosine()(model, bad)
    with pytest.raises(BadInput, match="skip"):
        Cosine(skip=-1)(model, TEXT)


def test_results_print_draw_and_say_what_they_hold():
    model = make("labkit", depth=3)
    scores = Cosine()(model, SAME)
    rows = ScoreMap(title="By samples", part="mlp", names=("2 texts", "4 texts"), scores=(scores.first(2), scores))
    assert rows.values[1] == tuple(values(scores, "mlp")) and "2 texts" in rows.table()
    assert scores.table().count("\n") == 5 and len(scores.as_dict()["block"]) == 3
    lowest = scores.ranked("joint")[0]
    for result in (scores, rows, position_scores(model, SAME, "mlp"), Cosine(residual=False)(model, SAME)):
        assert draw(result).axes and describe(result).endswith(".")
    assert f"layer {lowest[1]}" in describe(scores)
    with pytest.raises(UnknownName):
        scores.of("mlps")
    with pytest.raises(BadInput, match="make no map"):
        ScoreMap(title="", part="mlp", names=("one",), scores=(scores, scores))
    with pytest.raises(BadInput, match="has no score of a block"):
        position_scores(model, SAME, "block", Cosine(residual=False))
    assert isinstance(scores, LayerScores)


def test_a_map_by_rank_is_shaded_from_the_highest_of_each_row():
    scores = Cosine()(make("labkit", depth=4), SAME)
    about = {"title": "", "part": "mlp", "names": ("all",), "scores": (scores,)}
    shown = [draw(ScoreMap(**about, by_rank=ranked)).axes[0].images[0].get_array()[0] for ranked in (False, True)]
    assert shown[0].tolist() == pytest.approx(values(scores, "mlp"))
    assert sorted(range(4), key=shown[1].tolist().__getitem__) == [layer for _, layer in scores.ranked("mlp")][::-1]
    assert sorted(shown[1].tolist()) == [1, 2, 3, 4]


def test_an_encoder_whose_sums_are_normed_is_refused():
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    encoder = transformers.BertModel(transformers.BertConfig(vocab_size=11, max_position_embeddings=16, **sizes))
    for work in (Cosine(), lambda model, texts: window_scores(model, texts, 1)):
        with pytest.raises(BadInput, match="every sum is normed"):
            work(encoder, SAME)
