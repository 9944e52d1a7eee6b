"""The model: nothing sees its own future, the oracle of transformers, and the identities of its parts."""

from collections import Counter

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from labkit import world
from labkit.base.errors import BadInput
from labkit.papers.byte_latent_transformer.method import model as blt
from labkit.papers.byte_latent_transformer.method.accounting import cost, cost_of_tokens, transformer
from labkit.papers.byte_latent_transformer.method.blocks import ByteWindow
from labkit.papers.byte_latent_transformer.method.entropy import CNN, ByteEntropies, NGrams
from labkit.papers.byte_latent_transformer.method.generation import OnLine, generate_bytes, ready
from labkit.papers.byte_latent_transformer.method.hashing import (
    FrequentEmbedding,
    FrequentNGrams,
    HashedEmbedding,
    collisions,
    expected_collisions,
    hash_ids,
)
from labkit.papers.byte_latent_transformer.method.model import BLTConfig, FlatConfig, bits_per_byte
from labkit.papers.byte_latent_transformer.method.official import as_released, released
from labkit.papers.byte_latent_transformer.method.patching import BPE, Delimited, Entropy, Space, Strided, TopK
from labkit.papers.byte_latent_transformer.method.reuse import byteify
from labkit.papers.byte_latent_transformer.method.storage import load_blt, save_blt
from labkit.papers.byte_latent_transformer.task import BOS, byte_ids

SMALL = {"width": 16, "latent_width": 32, "heads": 2, "window": 8, "hash_rows": 53}
TEXT = "The lantern was with Uma, on Lull."


@pytest.fixture(scope="module")
def model():
    return BLTConfig(**SMALL).build(0)


@pytest.fixture(scope="module")
def entropies():
    tiny = ByteWindow(vocab=260, width=16, depth=2, heads=2, ffn=32, context=64, window=8, init_std=0.4)
    return ByteEntropies(tiny.build(1))


@pytest.fixture(scope="module")
def patchers(entropies):
    """Every patcher that can be used while a text is written."""
    counts, reset = NGrams([byte_ids(TEXT)]), ByteEntropies(entropies.model, reset=True)
    return {
        "strided": Strided(4),
        "strided 4.5": Strided(4.5),
        "byte": Strided(1),
        "space": Space(),
        "entropy": Entropy(entropies, above=4.4),
        "monotonic": Entropy(entropies, rise=0.1),
        "both": Entropy(entropies, above=4.4, rise=0.0),
        "longest": Entropy(entropies, above=5.0, longest=5),
        "reset": Entropy(reset, above=4.4),
        "n-grams": Entropy(counts, above=1.0),
        "convolution": Entropy(ByteEntropies(CNN.build(0, width=8)), above=4.5),
        "delimited": Delimited(),
    }


@pytest.fixture(scope="module")
def looking_ahead(entropies):
    return {"BPE": BPE(world.tokenizer()), "top k": TopK(entropies, 4)}


@pytest.mark.parametrize("cross", [True, False])
def test_no_byte_sees_its_future_whatever_the_patcher(patchers, cross):
    model = BLTConfig(cross=cross, **SMALL).build(0)
    for name, patcher in patchers.items():
        ids = written(patcher)
        whole = model(*ready(ids, patcher))
        for t in range(0, len(ids), 1 if cross else 3):
            other = ids.copy()
            other[t:] = byte_ids("z")[0]
            changed = model(*ready(other, patcher))
            torch.testing.assert_close(changed[0, : t + 1], whole[0, : t + 1], atol=1e-5, rtol=0, msg=f"{name} {t}")


def gradients(model, row_ids, starts):
    """Return how much the logits at each place depend on each byte's embedding [L, L], in the model's own pass."""
    kept = []
    hook = model.embed.register_forward_hook(
        lambda module, args, out: kept.append(out.detach().requires_grad_()) or kept[0]
    )
    try:
        logits = model(row_ids, starts)[0]
    finally:
        hook.remove()
    rows = [torch.autograd.grad(line.square().sum(), kept[0], retain_graph=True)[0][0].abs().sum(-1) for line in logits]
    return torch.stack(rows)


@pytest.mark.parametrize("cross", [True, False])
def test_no_gradient_comes_from_the_future(patchers, looking_ahead, cross):
    """Whatever the cuts: those of BPE and of the top entropies leak by where they are, not by the masks."""
    model = BLTConfig(cross=cross, **SMALL).build(0)
    for name, patcher in (patchers | looking_ahead).items():
        found = gradients(model, *ready(written(patcher), patcher))
        assert not found.triu(1).any() and (found.diagonal() > 0).all(), name


def written(patcher):
    """Return the text as a patcher wants it: with delimiters for one that reads them."""
    ids = byte_ids(TEXT)
    return Delimited.write(ids, Strided(3).starts(ids)) if isinstance(patcher, Delimited) else ids


def test_a_byte_that_reads_its_own_open_patch_is_caught(model, monkeypatch):
    def leaky(starts):
        patch = blt.patch_of(starts)
        return patch[:, :-1, None] == torch.arange(int(patch.max()) + 1)

    monkeypatch.setattr(blt, "decoder_mask", leaky)
    ids = byte_ids(TEXT)
    other = ids.copy()
    other[-1] = byte_ids("z")[0]
    one, two = (model(*ready(x, Strided(5))) for x in (ids, other))
    assert (one[0, : len(ids) - 1] - two[0, : len(ids) - 1]).abs().max() > 1e-3
    assert gradients(model, *ready(ids, Strided(5))).triu(1).any()


def test_patchers_that_look_ahead_leak(model, entropies):
    a, b = byte_ids("The ferr "), byte_ids("The ferry")
    one, two = (model(*ready(ids, BPE(world.tokenizer())))[0, :8] for ids in (a, b))
    assert (one - two).abs().max() > 1e-3
    top, ids = TopK(entropies, 4), byte_ids(TEXT)
    gaps = []
    for t in range(len(ids) - 8, len(ids)):
        other = ids.copy()
        other[t] = byte_ids("z")[0]
        gaps.append((model(*ready(ids, top)) - model(*ready(other, top)))[0, :t].abs().max())
    assert max(gaps) > 1e-3


@pytest.mark.parametrize(
    "sizes",
    [{}, {"vectors": 3, "window": 12}, {"encoder": 2, "decoder": 1}, {"hash_sizes": (3,)}, {"hash_functions": 3}],
)
def test_equal_to_transformers_on_shared_weights(sizes):
    ours = released(**{**SMALL, **sizes}).build(3)
    theirs = as_released(ours)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(4, 260, (1, 40), generator=generator)
    ids[:, 0] = BOS
    starts = torch.rand(1, 41, generator=generator) < 0.3
    starts[:, :2] = True
    cuts = starts[0].nonzero()[:, 0].tolist()
    lengths = torch.tensor([[max(0, end - cut) for cut, end in zip(cuts, [*cuts[1:], 40])]])
    with torch.no_grad():
        expected = theirs(input_ids=ids, patch_lengths=lengths, use_cache=False).logits
        torch.testing.assert_close(ours(ids, starts), expected, atol=2e-5, rtol=1e-4)
        paper = BLTConfig(**{**SMALL, **sizes}).build(3)(ids, starts)
    assert (paper - expected).abs().max() > 0.01  # the paper's residual and mean are another function


def test_a_patch_of_one_byte_has_one_key(model):
    ids, starts = ready(byte_ids("ferry"), Strided(1))
    h = model.embed(ids)
    before = model.patches(h, blt.encoder_mask(starts)[:, : ids.shape[1]])
    keep = [p.clone() for p in (model.gather.q.weight, model.gather.k.weight)]
    try:
        with torch.no_grad():
            model.gather.q.weight.mul_(-3), model.gather.k.weight.zero_()
        after = model.patches(h, blt.encoder_mask(starts)[:, : ids.shape[1]])
    finally:
        with torch.no_grad():
            model.gather.q.weight.copy_(keep[0]), model.gather.k.weight.copy_(keep[1])
    torch.testing.assert_close(before, after, atol=1e-6, rtol=0)


def test_cross_attention_has_no_positions_and_stays_in_its_patch(model):
    h = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(1))
    mine = torch.tensor([[[1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]]], dtype=torch.bool)
    whole = model.patches(h, mine)
    torch.testing.assert_close(model.patches(h[:, [2, 0, 3, 1, 5, 4]], mine), whole, atol=1e-6, rtol=0)
    other = h.clone()
    other[:, 4:] = 9.0
    torch.testing.assert_close(model.patches(other, mine)[:, 0], whole[:, 0], atol=0, rtol=0)


@pytest.mark.parametrize("residual", [1.0, 2.0])
def test_without_output_weights_the_queries_remain(residual):
    model = BLTConfig(residual=residual, **SMALL).build(0)
    torch.nn.init.zeros_(model.gather.o.weight)
    h = torch.randn(1, 4, 16)
    mine = torch.ones(1, 1, 4, dtype=torch.bool)
    torch.testing.assert_close(model.patches(h, mine)[0, 0], residual * model.to_vectors(h.amax(1))[0])


def test_an_encoder_byte_forgets_what_lies_outside_its_window(model):
    ids = torch.randint(4, 260, (1, 30), generator=torch.Generator().manual_seed(2))
    document = torch.zeros_like(ids)
    far = ids.clone()
    far[:, :15] = 7  # one block of window 8 reaches 7 back, the 8-gram 7 more
    near = ids.clone()
    near[:, 15] = 7
    h, h_far, h_near = (blt.run(model.encoder, model.embed(x), document)[0, -1] for x in (ids, far, near))
    torch.testing.assert_close(h, h_far, atol=1e-6, rtol=0)
    assert (h - h_near).abs().max() > 1e-5


def test_packed_documents_do_not_read_each_other(model):
    a, b = byte_ids("Uma sang."), byte_ids("The ferry left Lull.")
    (ids_a, starts_a), (ids_b, starts_b) = ready(a, Strided(4)), ready(b, Strided(4))
    ids = torch.cat((ids_a, ids_b), dim=1)
    starts = torch.cat((starts_a[:, :-1], starts_b), dim=1)
    together = model(ids, starts)[:, ids_a.shape[1] :]
    torch.testing.assert_close(together, model(ids_b, starts_b), atol=1e-5, rtol=0)


def test_rows_of_a_batch_do_not_read_each_other(model):
    (a, sa), (b, sb) = ready(byte_ids("The ferry left."), Strided(2)), ready(byte_ids("Nobody on Lull."), Strided(5))
    both = model(torch.cat((a, b)), torch.cat((sa, sb)))
    torch.testing.assert_close(both, torch.cat((model(a, sa), model(b, sb))), atol=1e-5, rtol=0)


def test_hashes_are_the_polynomial_and_equal_where_n_grams_are():
    ids = torch.tensor([[BOS, 10, 11, 12, 13, 10, 11, 12, BOS, 10, 11, 12]])
    rows, there = hash_ids(ids, 3, 97)
    a = 1_000_000_007
    assert int(rows[0, 3]) == (12 + 11 * a + 10 * a**2) % 97
    assert rows[0, 3] == rows[0, 7] == rows[0, 11] and int(rows.max()) < 97 and int(rows.min()) >= 0
    assert there[0].tolist() == [False] * 2 + [True] * 6 + [False] * 2 + [True] * 2


def test_frequent_n_grams_have_rows_and_others_none():
    ids = torch.tensor([[BOS, 10, 11, 10, 11, 10, 11, 50, 60]])
    table = FrequentNGrams(ids, 2, 2, 4)
    out = table(torch.tensor([[BOS, 10, 11, 60]]))[0]
    assert out[2].any() and not out[3].any() and not out[0].any()
    with pytest.raises(BadInput, match="63 bits"):
        FrequentNGrams(ids, 25, 2, 4)


def test_frequent_n_grams_are_those_that_a_count_finds():
    text = "the ferry left the ferry and the lantern " * 3 + "nobody on Lull"
    ids = torch.tensor([[BOS, *byte_ids(text), BOS, *byte_ids("zzzz, zzzz")]])
    for n in (3, 8):
        table = FrequentNGrams(ids, n, 12, 4)
        documents = [[BOS, *byte_ids(text)], [BOS, *byte_ids("zzzz, zzzz")]]
        counts = Counter(tuple(map(int, row[i : i + n])) for row in documents for i in range(len(row) - n + 1))
        least = sorted(counts.values(), reverse=True)[11]
        grams = [tuple(ids[0, i - n + 1 : i + 1].tolist()) for i in range(n - 1, ids.shape[1])]
        has = table(ids)[0].any(-1)[n - 1 :].tolist()
        for gram, there in zip(grams, has):  # n-grams that reach over a begin are in no document
            if counts[gram] != least:
                assert there == (counts[gram] > least), (n, gram)
        assert len(table.grams) == 12 and not table(ids)[0, : n - 1].any()


def test_frequent_tables_are_divided_as_hashed_ones_and_an_id_never_seen_is_no_other():
    ids = torch.tensor([[BOS, *byte_ids(TEXT)]])
    one = FrequentEmbedding(260, 16, (3, 4), 1000, ids)
    other = ids.clone()
    other[0, 10] = byte_ids("q")[0]  # in place of an r: the next id that the text has
    e, plain = one(ids), one.bytes(ids) / 3
    assert torch.equal(e[0, :2], plain[0, :2]) and (e[0, 3:] - plain[0, 3:]).abs().amax(-1).min() > 0
    rows = one.tables[0](ids) + one.tables[1](ids)
    torch.testing.assert_close(e, (one.bytes(ids) + rows) / 3)
    changed = one(other)
    torch.testing.assert_close(changed[0, 10:13], one.bytes(other)[0, 10:13] / 3)
    assert [t.weight.shape for t in HashedEmbedding(260, 16, (3, 4), 10).tables] == [(10, 16)] * 2


def test_pooling_may_be_the_mean():
    h = torch.randn(1, 3, 16, generator=torch.Generator().manual_seed(1))
    mine = torch.tensor([[[1, 1, 0], [0, 0, 1]]], dtype=torch.bool)
    torch.testing.assert_close(blt.pooled(h, mine, "mean")[0, 0], h[0, :2].mean(0))
    torch.testing.assert_close(blt.pooled(h, mine)[0, 0], h[0, :2].amax(0))
    torch.testing.assert_close(blt.pooled(h, mine, "min")[0, 0], h[0, :2].amin(0))
    with pytest.raises(KeyError, match="no pooling called"):
        BLTConfig(pooling="sum")


def test_collisions_are_as_chance_has_them():
    ids = torch.randint(4, 260, (1, 4000), generator=torch.Generator().manual_seed(0))
    for rows in (1021, 4093):
        share, grams = collisions(ids, 4, rows)
        assert share == pytest.approx(expected_collisions(grams, rows), rel=0.1)


def test_empty_tables_are_no_tables():
    with_tables, without = BLTConfig(**SMALL), BLTConfig(**{**SMALL, "hash_sizes": ()})
    one, two = with_tables.build(0), without.build(0)
    for table in one.embed.tables:
        torch.nn.init.zeros_(table.weight)
    kept = {name: tensor for name, tensor in one.state_dict().items() if "tables" not in name}
    kept["embed.bytes.weight"] = kept["embed.bytes.weight"] / 7
    two.load_state_dict(kept)
    ids, starts = ready(byte_ids(TEXT), Strided(4))
    torch.testing.assert_close(one(ids, starts), two(ids, starts), atol=1e-6, rtol=0)


def test_bits_per_byte_does_not_depend_on_the_pieces():
    assert bits_per_byte(10 * torch.log(torch.tensor(260.0)).item(), 10) == pytest.approx(8.0224, abs=1e-4)
    assert bits_per_byte(2.0 + 3.0, 7) == bits_per_byte(5.0, 7)
    both = (3 * bits_per_byte(2.0, 3) + 4 * bits_per_byte(3.0, 4)) / 7  # documents weigh what they have of bytes
    assert bits_per_byte(5.0, 7) == pytest.approx(both)
    with pytest.raises(BadInput, match="at least one byte"):
        bits_per_byte(1.0, 0)


@pytest.mark.parametrize("cross", [True, False])
def test_generation_on_line_is_generation_from_scratch(patchers, cross):
    model = BLTConfig(cross=cross, **SMALL).build(4)
    for patcher in patchers.values():
        fast, reader = generate_bytes(model, patcher, "Uma ", 24)
        slow, _ = generate_bytes(model, patcher, "Uma ", 24, cached=False)
        assert fast == slow
        _, starts = ready(torch.tensor(reader.ids[1:]).numpy(), patcher)
        assert reader.latent_calls == int(starts[0, 1:].sum())  # one call for each patch that is finished


def test_sampling_depends_on_its_seed_alone(model):
    texts = {generate_bytes(model, Space(), "Uma", 12, temperature=1.0, seed=seed)[0] for seed in (1, 1, 2)}
    assert len(texts) == 2
    with pytest.raises(BadInput, match="not yet written"):
        generate_bytes(model, TopK(lambda ids: ids, 3), "Uma", 3)


def test_costs_are_equations_13_to_17():
    c = BLTConfig(width=1024, encoder=1, decoder=9, latent_width=2048, latent=25, heads=16, window=512)
    at = cost(c, 4.5, 8192, plain=True)
    assert at.latent == pytest.approx(25 * (24 * 2048**2 + 2 * 2048 * (8192 / 4.5 + 1)) / 4.5)
    assert at.encoder == pytest.approx(24 * 1024**2 + 2 * 1024 * 513)
    twice = cost(c, 9.0, 8192, plain=True)
    assert (twice.encoder, twice.decoder) == (at.encoder, at.decoder) and twice.latent < at.latent / 2
    assert transformer(64, 1, 1, vocab=10) == 4 * 64 + 24 * 64**2 + 2 * 64 * 10
    with pytest.raises(BadInput, match="from 1 byte"):
        cost(c, 0.5, 8192)


def test_costs_agree_with_a_counted_pass():
    config = BLTConfig()
    model, length, size = config.build(0), 240, 4
    starts = torch.zeros(1, length + 1, dtype=torch.bool)
    starts[:, ::size] = True
    starts[:, :2] = True
    ids = torch.randint(4, 260, (1, length))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, starts)
    # What is counted attends to every place, masked or not; the formula counts what is seen. Compare matrices alone.
    matrices = sum(v for op, v in counter.get_flop_counts()["Global"].items() if "attention" not in str(op)) / length
    c = cost(config, size, length)
    seen = (
        config.latent * 2 * config.latent_width * (length / size + 1) / size
        + (config.encoder + config.decoder) * 2 * config.width * (config.window + 1)
        + 2 * config.width * (size + 1) * config.vectors / size
        + config.decoder * 2 * config.width * (config.vectors + 1)
    )
    projections = 2 * config.width * config.vectors * (config.width / size + config.latent_width / size)
    assert matrices == pytest.approx(c.total - seen + projections, rel=0.05)


def test_arms_cost_about_the_same_a_byte():
    from labkit.papers.byte_latent_transformer.training import ARMS

    costs = {name: arm.cost for name, arm in ARMS.items()}
    cheaper = costs.pop("no_cross")
    assert len(costs) == 9 and max(costs.values()) / min(costs.values()) < 1.05
    assert cheaper / costs["entropy"] == pytest.approx(0.88, abs=0.01)  # as the note of 05.cross_attention says
    assert cost_of_tokens(FlatConfig(vocab=1137, width=128), 4.3, 240) > 0


def test_copied_blocks_are_the_same_function():
    flat = FlatConfig(vocab=100, width=32, depth=2, heads=2).build(1)
    model = BLTConfig(**{**SMALL, "latent": 2}).build(2)
    byteify(model, flat)
    with pytest.raises(BadInput, match="the same sizes"):
        byteify(model, FlatConfig(vocab=100, width=32, depth=3, heads=2).build(1))
    x = torch.randn(1, 9, 32)
    zeros = torch.zeros(1, 9, dtype=torch.long)
    torch.testing.assert_close(blt.run(model.latent, x, zeros), blt.run(flat.trunk, x, zeros), atol=1e-5, rtol=0)


def test_what_cannot_be_is_refused(model):
    ids, starts = ready(byte_ids(TEXT), Strided(4))
    with pytest.raises(BadInput, match="byte to come"):
        model(ids, starts[:, :-1])
    broken = starts.clone()
    broken[:, 1] = False
    with pytest.raises(BadInput, match="both start a patch"):
        model(ids, broken)
    with pytest.raises(BadInput, match="makes no model"):
        BLTConfig(decoder=0)
    with pytest.raises(BadInput, match="5 hash functions"):
        BLTConfig(hash_functions=5).build(0)
    with pytest.raises(BadInput, match="byte by byte"):  # a line of 100 kB: the masks alone would fill the memory
        model(*ready(byte_ids("ferry " * 17_000), Space()))
    with pytest.raises(BadInput, match="not kept on line"):
        OnLine(released(**SMALL).build(0))


def test_shipped_and_loaded_it_is_the_same_and_what_half_precision_cannot_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path))
    model = BLTConfig(**SMALL).build(0)
    model.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    save_blt(model, {"name": "blt/toy", "about": "a toy"})
    again = load_blt("blt/toy").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        next(model.parameters()).flatten()[0] = 1e5
    with pytest.raises(BadInput, match="half precision"):
        save_blt(model, {"name": "blt/large", "about": "a toy"})
    assert not (tmp_path / "models" / "blt" / "large").exists()
