"""The baseline against transformers' Llama, cached against uncached, saved against loaded."""

import copy
import json

import pytest
import torch

from labkit import zoo
from labkit.base.errors import BadInput, BrokenFile, LabkitError, ModelChanged, UnknownName
from labkit.models import Cache, Decoder, DecoderConfig, from_llama, generate, load, save, to_llama


def config(**changes):
    sizes = {"vocab": 61, "width": 32, "depth": 3, "heads": 4, "kv_heads": 2, "ffn": 48, "context": 48, "init_std": 0.2}
    return DecoderConfig(**{**sizes, **changes})


def ids(rows=2, length=20, seed=0, vocab=61):
    return torch.randint(0, vocab, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("changes", [{}, {"kv_heads": 4}, {"tie": False}, {"rope_theta": 500.0, "eps": 1e-3}])
def test_equals_llama_on_shared_weights(changes):
    model = config(**changes).build(1).eval()
    llama = to_llama(model)
    with torch.no_grad():
        ours, theirs = model(ids()).logits, llama(ids()).logits
        back = from_llama(llama)(ids()).logits
    assert ours.std() > 0.5  # a model that says something
    assert (ours - theirs).abs().max() <= 1e-5
    assert torch.equal(ours, back)


@pytest.mark.parametrize("name", sorted(zoo.entries()))
def test_shipped_decoders_equal_llama(name):
    handle = zoo.load(name)
    if type(getattr(handle.model, "config", None)) is not DecoderConfig:
        pytest.skip("a variant, which Llama cannot be")
    config = handle.model.config
    tokens = ids(length=min(60, config.context), vocab=config.vocab)
    with torch.no_grad():
        ours, theirs = handle.model(tokens).logits, to_llama(handle.model)(tokens).logits
    assert (ours - theirs).abs().max() <= 1e-5


def test_gradients_and_labelled_loss_equal_llama():
    model = config().build(2)
    llama = to_llama(model)
    ours, theirs = model(ids(), labels=ids()), llama(ids(), labels=ids())
    ours.loss.backward()
    theirs.loss.backward()
    assert torch.allclose(ours.loss, theirs.loss, atol=1e-5)
    mine, other = (
        model.trunk.blocks[0].attention.mixer.q.weight.grad,
        llama.model.layers[0].self_attn.q_proj.weight.grad,
    )
    assert torch.allclose(mine, other, atol=1e-5)


def test_left_padding_equals_llama():
    model = config().build(3).eval()
    mask = torch.ones(2, 20, dtype=torch.long)
    mask[0, :7] = 0
    with torch.no_grad():
        ours = model(ids(), attention_mask=mask).logits
        theirs = to_llama(model)(ids(), attention_mask=mask).logits
        alone = model(ids()[:1, 7:]).logits
    assert (ours - theirs)[mask.bool()].abs().max() <= 1e-5
    assert (ours[:1, 7:] - alone).abs().max() <= 1e-5
    assert torch.isfinite(ours).all()


def test_cached_generation_equals_uncached_and_llama():
    model = config().build(4).eval()
    cached = generate(model, ids(length=9), 20)
    assert torch.equal(cached, generate(model, ids(length=9), 20, use_cache=False))
    assert torch.equal(cached, generate(to_llama(model), ids(length=9), 20))
    assert torch.equal(cached, model.generate(ids(length=9), 20))


def test_cache_in_pieces_equals_one_pass():
    model = config().build(5).eval()
    cache = Cache()
    with torch.no_grad():
        whole = model(ids()).logits
        pieces = [model(part, past_key_values=cache).logits for part in ids().split([6, 1, 9, 4], dim=1)]
    assert cache.length == 20
    assert (torch.cat(pieces, dim=1) - whole).abs().max() <= 1e-5


def test_a_cropped_cache_goes_on_as_if_the_rest_had_never_been():
    model, cache = config().build(5).eval(), Cache()
    with torch.no_grad():
        for length, left in ((9, 6), (3, 7)):
            model(ids(seed=1)[:, :length], past_key_values=cache)
            cache.crop(left)
            assert cache.length == left
            cache.crop(40)
            assert cache.length == left
        found = model(ids()[:, 7:], past_key_values=cache).logits
        whole = model(torch.cat((ids(seed=1)[:, :6], ids(seed=1)[:, :1], ids()[:, 7:]), dim=1)).logits
    assert (found - whole[:, 7:]).abs().max() <= 1e-5


def test_a_cache_keeps_room_so_that_a_token_copies_no_past():
    model, cache, places, seen = config().build(5).eval(), Cache(), [], []
    with torch.no_grad():
        for token in ids().split(1, dim=1):
            model(token, past_key_values=cache)
            keys = cache.layers[0][0]
            places.append(keys.data_ptr())
            seen.append((keys, keys.clone()))
    assert len(set(places)) <= 5, "twenty tokens double the room four times"
    assert all(torch.equal(keys, before) for keys, before in seen)
    copied = copy.deepcopy(cache)
    with torch.no_grad():
        one, other = (model(ids()[:, :1], past_key_values=c).logits for c in (cache, copied))
    assert torch.equal(one, other) and copied.layers[0][0].data_ptr() != cache.layers[0][0].data_ptr()


def test_gradients_flow_through_a_cache():
    model, cache = config().build(5), Cache()
    total = sum(model(part, past_key_values=cache).logits.square().sum() for part in ids().split([6, 7, 7], dim=1))
    total.backward()
    grad = model.trunk.blocks[0].attention.mixer.k.weight.grad.clone()
    model.zero_grad()
    model(ids()).logits.square().sum().backward()
    torch.testing.assert_close(grad, model.trunk.blocks[0].attention.mixer.k.weight.grad, rtol=1e-4, atol=1e-4)


def test_cache_survives_an_interrupted_call():
    model = config().build(5).eval()
    cache = Cache()
    with torch.no_grad():
        model(ids()[:, :8], past_key_values=cache)
        handle = model.trunk.blocks[1].register_forward_pre_hook(lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model(ids()[:, 8:], past_key_values=cache)
        handle.remove()
        rest = model(ids()[:, 8:], past_key_values=cache).logits
        assert (rest - model(ids()).logits[:, 8:]).abs().max() <= 1e-5


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_attention_can_skip_itself_while_decoding(layer):
    model = config().build(6).eval()
    model.trunk.blocks[layer].attention.forward = lambda state: state
    cached = generate(model, ids(length=9), 15)
    assert torch.equal(cached, generate(model, ids(length=9), 15, use_cache=False))


def test_cache_filled_under_another_cut_is_refused():
    model = config().build(6).eval()
    attention = model.trunk.blocks[1].attention
    attention.forward = lambda state: state
    cache = model(ids()[:, :8], use_cache=True).past_key_values
    del attention.forward
    with pytest.raises(ModelChanged, match="layer 1 holds 0 of 8"):
        model(ids()[:, 8:], past_key_values=cache)


def test_sampling_depends_on_its_generator_alone():
    model = config().build(7).eval()
    before = torch.get_rng_state()
    first, again, other = (
        generate(model, ids(length=4), 30, temperature=1.0, generator=torch.Generator().manual_seed(s))
        for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_generation_stops_at_the_stop_token_and_at_the_context():
    model = config().build(8).eval()
    free = generate(model, ids(length=9), 100)
    assert free.shape[1] == 48  # the context
    stop = int(free[0, 12])
    text = generate(model, ids(length=9)[:1], 100, stop=stop)
    first = 9 + (free[0, 9:] == stop).nonzero()[0].item()
    assert text.shape[1] == first + 1 and text[0, -1] == stop


def test_a_row_that_has_stopped_repeats_its_stop():
    model = config().build(8).eval()
    free = generate(model, ids(length=9), 12)
    stop = next(int(t) for t in free[0, 9:] if t not in free[1, 9:])
    text = generate(model, ids(length=9), 12, stop=stop)
    first = 9 + (free[0, 9:] == stop).nonzero()[0].item()
    assert torch.equal(text[1], free[1])
    assert torch.equal(text[0, : first + 1], free[0, : first + 1]) and (text[0, first:] == stop).all()


def test_segments_read_as_if_alone():
    model = config().build(9).eval()
    row = ids(rows=1)
    segments = torch.tensor([[0] * 6 + [1] * 9 + [4] * 5])
    with torch.no_grad():
        packed = model(row, segments=segments).logits
        alone = torch.cat([model(part).logits for part in row.split([6, 9, 5], dim=1)], dim=1)
        loss = model(row, segments=segments, labels=row).loss
    assert model.begin(row, segments=segments).positions.tolist() == [[*range(6), *range(9), *range(5)]]
    assert (packed - alone).abs().max() <= 1e-5
    # 5 + 8 + 4 targets: the first token of a document is nobody's next token
    surprise = -packed.log_softmax(-1)[0, :-1].gather(1, row[0, 1:, None])[:, 0]
    inside = segments[0, 1:] == segments[0, :-1]
    assert inside.sum() == 17
    assert torch.allclose(loss, surprise[inside].mean(), atol=1e-5)


def test_no_token_reads_a_later_one():
    model = config().build(10).eval()
    changed = ids().clone()
    changed[:, 12:] = (changed[:, 12:] + 1) % 61
    with torch.no_grad():
        difference = (model(ids()).logits - model(changed).logits).abs().amax(dim=(0, 2))
    assert difference[:12].max() == 0 and difference[12:].min() > 0


def test_a_kept_state_continues_as_the_whole_pass():
    model = config().build(11).eval()
    kept = []
    hooks = [b.register_forward_hook(lambda m, i, out: kept.append(out)) for b in model.trunk.blocks]
    with torch.no_grad():
        whole = model(ids()).logits
        for handle in hooks:
            handle.remove()
        for layer, state in enumerate(kept):
            assert torch.equal(model.finish(model.trunk(state, start=layer + 1)), whole)


def test_seed_alone_decides_the_weights():
    before = torch.get_rng_state()
    one, same, other = config().build(1), config().build(1), config().build(2)
    assert torch.equal(before, torch.get_rng_state())
    weights = [torch.cat([p.flatten() for p in m.parameters()]) for m in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    matrices = torch.cat(
        [p.flatten() for p in config(width=128, ffn=256, init_std=0.05).build().parameters() if p.dim() > 1]
    )
    assert matrices.std().item() == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("tie", [True, False])
def test_meta_device_loses_nothing(tie):
    source = config(tie=tie).build(12).eval()
    with torch.device("meta"):
        empty = Decoder(config(tie=tie))
    empty.to_empty(device="cpu")
    assert (empty.head.weight is empty.embed.weight) == tie
    empty.load_state_dict(source.state_dict())
    with torch.no_grad():
        assert torch.equal(empty.eval()(ids()).logits, source(ids()).logits)


def test_copies_keep_the_tie():
    model = copy.deepcopy(config().build())
    assert model.head.weight is model.embed.weight
    assert model.double().head.weight is model.embed.weight


@pytest.mark.parametrize("tie", [True, False])
def test_save_and_load(tmp_path, tie):
    model = config(tie=tie).build(13).eval()
    save(model, tmp_path / "full")
    save(model, tmp_path / "half", half=True)
    full, half = load(tmp_path / "full"), load(tmp_path / "half")
    assert full.config == model.config and not full.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(full.state_dict()[name], tensor)
        assert half.state_dict()[name].dtype == torch.float32
        assert torch.equal(half.state_dict()[name], tensor.half().float())
    sizes = [(tmp_path / kind / "model.safetensors").stat().st_size for kind in ("full", "half")]
    assert sizes[1] < 0.6 * sizes[0]


def _break(folder, how):
    weights, about = folder / "model.safetensors", folder / "config.json"
    data, table = weights.read_bytes(), json.loads(about.read_text())
    if how == "truncated":
        weights.write_bytes(data[:-100])
    elif how == "garbage":
        weights.write_bytes(b"PK\x03\x04" + data[4:])
    elif how == "empty":
        weights.write_bytes(b"")
    elif how == "absent":
        weights.unlink()
    elif how == "other config":
        about.write_text(json.dumps({**table, "heads": 2}))
    elif how == "not json":
        about.write_text("{")
    elif how == "no table":
        about.write_text("[]")


@pytest.mark.parametrize("how", ["truncated", "garbage", "empty", "absent", "other config", "not json", "no table"])
def test_broken_files_are_told(tmp_path, how):
    save(config().build(), tmp_path)
    _break(tmp_path, how)
    with pytest.raises(
        BrokenFile, match="config.json" if "config" in how or "json" in how or "table" in how else "model.s"
    ):
        load(tmp_path)


def test_a_failed_save_leaves_the_old_one(tmp_path, monkeypatch):
    old = config().build(1)
    save(old, tmp_path)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(BrokenFile, match="No space left"):
        save(config().build(2), tmp_path)
    monkeypatch.undo()
    assert torch.equal(load(tmp_path).embed.weight, old.embed.weight)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_unsaveable_weights_are_told(tmp_path):
    model = config().build()
    with torch.no_grad():
        model.embed.weight[0, 0] = 1e6
    with pytest.raises(BadInput, match="too large for half"):
        save(model, tmp_path, half=True)
    with torch.no_grad():
        model.embed.weight[0, 0] = torch.nan
    with pytest.raises(BadInput, match="not numbers"):
        save(model, tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 30},
        {"heads": 3},
        {"kv_heads": 3},
        {"depth": 0},
        {"vocab": -1},
        {"ffn": 2.5},
        {"eps": 0.0},
        {"width": 12},
    ],
)
def test_impossible_sizes_are_refused(changes):
    with pytest.raises(BadInput, match=next(iter(changes))):
        config(**changes)


def test_unknown_kinds_and_keys_are_refused():
    with pytest.raises(UnknownName, match="decoder"):
        DecoderConfig.from_dict({**config().as_dict(), "kind": "decodr"})
    with pytest.raises(UnknownName, match="widht"):
        DecoderConfig.from_dict({**config().as_dict(), "widht": 3})
    assert DecoderConfig.from_dict(config().as_dict()) == config()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: m(torch.zeros(2, 0, dtype=torch.long)), "at least one token"),
        (lambda m: m(torch.zeros(5, dtype=torch.long)), "batch, length"),
        (lambda m: m(torch.zeros(1, 5)), "whole numbers"),
        (lambda m: m(torch.full((1, 5), 61)), "outside the vocabulary"),
        (lambda m: m(torch.full((1, 5), -1)), "outside the vocabulary"),
        (lambda m: m(ids(length=49)), "49 tokens long"),
        (lambda m: m(ids(), attention_mask=torch.ones(2, 19)), "covers 19 tokens"),
        (lambda m: m(ids(), segments=torch.zeros(2, 20), past_key_values=_used(m)), "continued from a cache"),
        (lambda m: generate(m, ids(length=49), 1), "49 tokens long"),
        (lambda m: generate(m, ids(), 1, temperature=1.0), "generator"),
        (lambda m: generate(m, ids(), 1, temperature=-1.0), "no meaning"),
    ],
)
def test_bad_calls_say_what_was_expected(call, says):
    with pytest.raises(LabkitError, match=says):
        call(config().build())


def _used(model):
    return model(ids(length=2), use_cache=True).past_key_values
