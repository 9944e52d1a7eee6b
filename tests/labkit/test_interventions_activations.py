"""Replaced and restored activations, their sources, and what they mean while decoding with a cache."""

from __future__ import annotations

import pytest
import torch
from families import VOCAB, cached_logits, each_family, ids_of, logits, make

from labkit import world
from labkit.anatomy import fingerprint, record, sites
from labkit.base.errors import BadInput, NotAvailable, UnknownName
from labkit.interventions import (
    DropAttention,
    DropMLP,
    FromRun,
    Mean,
    ReplaceActivation,
    RestoreActivation,
    ScaleWeight,
    Zero,
    ZeroWeight,
    edit,
)
from labkit.models import DecoderConfig
from labkit.zoo import Handle


class Letters:
    """A tokenizer after transformers' manner: a letter is a token."""

    eos_token_id = None

    def __call__(self, text):
        return {"input_ids": [ord(letter) % VOCAB for letter in text[:20]]}


def handle_of(family):
    return Handle(family, make(family), Letters())


IDS, OTHER = (3, 1, 4, 1, 5, 9, 2), (2, 7, 1, 8, 2, 8, 1)


@each_family
def test_every_site_takes_what_it_is_given(family):
    model = make(family)
    for site in sites(model):
        wanted = record(model, OTHER, [site])[site]
        with edit(model, ReplaceActivation(site, FromRun(OTHER))):
            assert torch.equal(record(model, IDS, [site])[site], wanted), site
        with edit(model, ReplaceActivation(site, Zero(), positions=(1, 5), channels=(0, 3))):
            seen = record(model, IDS, [site])[site]
        clean = record(model, IDS, [site])[site]
        clean[:, [[1], [5]], [0, 3]] = 0
        assert torch.equal(seen, clean), site


@each_family
def test_a_zero_write_is_a_dropped_sub_layer(family):
    model, ids = make(family), ids_of(6, batch=2)
    for drop, site in ((DropAttention(0), "layers.0.attn"), (DropMLP(1), "layers.1.mlp")):
        with edit(model, drop):
            expected = logits(model, ids)
        with edit(model, ReplaceActivation(site, Zero())):
            torch.testing.assert_close(logits(model, ids), expected, atol=1e-6, rtol=0)


@each_family
def test_the_whole_stream_of_another_text_gives_its_logits(family):
    model = make(family)
    expected = logits(model, torch.tensor([OTHER]))
    for site in ("embed", "layers.0", "layers.1"):
        with edit(model, ReplaceActivation(site, FromRun(OTHER))):
            torch.testing.assert_close(logits(model, torch.tensor([IDS])), expected, atol=1e-6, rtol=0)


@each_family
def test_restoring_everything_a_cut_touched_undoes_the_cut(family):
    model, ids = make(family), torch.tensor([IDS])
    clean = logits(model, ids)
    cuts = [DropAttention(0), ScaleWeight("layers.0.mlp.up", 3.0)]
    with edit(model, cuts):
        assert (logits(model, ids) - clean).abs().max() > 1e-3
    with edit(model, cuts, RestoreActivation("layers.0", IDS)):
        torch.testing.assert_close(logits(model, ids), clean, atol=1e-6, rtol=0)
    with edit(model, cuts), edit(model, RestoreActivation("layers.0", IDS)):  # also when the cut was there before
        torch.testing.assert_close(logits(model, ids), clean, atol=1e-6, rtol=0)
    # At the last position alone it does not: layer 1 still reads the cut ones.
    with edit(model, cuts, RestoreActivation("layers.0", IDS, positions=(len(IDS) - 1,))):
        assert (logits(model, ids)[0, -1] - clean[0, -1]).abs().max() > 1e-5


@each_family
def test_positions_count_from_the_start_of_the_text_also_with_a_cache(family):
    model, ids = make(family), ids_of(9, batch=2)
    for made in (
        ReplaceActivation("layers.0.mlp", Zero(), positions=(1, 4, 6)),
        ReplaceActivation("layers.1.attn.heads", FromRun(OTHER), channels=(0, 5)),
        ReplaceActivation("embed", FromRun(OTHER), positions=(5, 2)),
    ):
        with edit(model, made, DropAttention(1)):
            assert (cached_logits(model, ids, 3) - logits(model, ids)).abs().max() <= 1e-5, made


def test_a_run_is_measured_under_its_own_plan_on_the_intact_model():
    model = make("llama")
    plan = [ZeroWeight("layers.0.mlp.down")]
    with edit(model, plan):
        wanted = record(model, OTHER, ["layers.1"])["layers.1"]
    with edit(model, DropAttention(1), ReplaceActivation("layers.1", FromRun(OTHER, plan))):
        assert torch.equal(record(model, IDS, ["layers.1"])["layers.1"], wanted)
    before = fingerprint(model)
    with edit(model, DropAttention(1), ScaleWeight("embed", 2.0)):
        inside = fingerprint(model)
        with edit(model, ReplaceActivation("layers.1", FromRun(OTHER, plan))):
            assert torch.equal(record(model, IDS, ["layers.1"])["layers.1"], wanted), "outer edits were lifted"
        assert fingerprint(model) == inside, "and laid back"
    assert fingerprint(model) == before


def test_a_mean_is_taken_over_all_positions_of_the_documents():
    handle = handle_of("gemma2")
    texts = [document.text for document in world.documents("stories", 3, seed=5)]
    seen = [record(handle, handle.encode(text), ["layers.0.mlp"])["layers.0.mlp"][0] for text in texts]
    wanted = torch.cat(seen).mean(0)
    with edit(handle, ReplaceActivation("layers.0.mlp", Mean("stories", 3, seed=5))) as yielded:
        assert yielded is handle
        got = record(handle, IDS, ["layers.0.mlp"])["layers.0.mlp"]
    torch.testing.assert_close(got, wanted.expand_as(got), atol=1e-6, rtol=1e-5)


def test_a_text_is_encoded_by_the_handle_and_refused_for_a_bare_model_of_another_vocabulary():
    handle = handle_of("llama")
    ids, clean = handle.encode("hello"), logits(handle.model, handle.encode("hello")[None])
    with edit(handle, DropMLP(0), RestoreActivation("layers.0", "hello")):
        torch.testing.assert_close(logits(handle.model, ids[None]), clean, atol=1e-6, rtol=0)
    for bare in (handle.model, make("labkit")):
        with pytest.raises(BadInput, match=r"labkit\.load"), edit(bare, RestoreActivation("layers.0", "hello")):
            pass
    ours = DecoderConfig(vocab=world.tokenizer().vocab_size, width=8, depth=1, heads=2, ffn=8, context=64).build()
    with edit(ours, RestoreActivation("layers.0", "Who has the lantern?")):
        pass


def test_gradients_flow_around_a_replacement():
    model = make("llama")
    with edit(model, ReplaceActivation("layers.0", Zero(), positions=(0,))):
        model(torch.tensor([IDS])).logits.sum().backward()
    assert model.model.layers[0].mlp.down_proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (lambda: ReplaceActivation("layers.0", 0.0), BadInput, "not a source"),
        (lambda: ReplaceActivation("layers.0", Zero(), positions=(-1,)), BadInput, "from 0 up"),
        (lambda: ReplaceActivation("layers.0", Zero(), channels=()), BadInput, "at least one"),
        (lambda: ReplaceActivation(3, Zero()), BadInput, "not a site"),
        (lambda: Mean("stories", 0), BadInput, "from 1 up"),
    ],
)
def test_a_wrong_value_is_refused_when_it_is_written_down(bad, error, says):
    with pytest.raises(error, match=says):
        bad()


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (ReplaceActivation("layers.0.mpl", Zero()), UnknownName, r"layers\.0\.mlp"),
        (ReplaceActivation("layers.9.mlp", Zero()), BadInput, "from 0 to 1"),
        (ReplaceActivation("layers.0.mlp.neurons", Zero(), channels=(12,)), BadInput, "0 to 11"),
        (ReplaceActivation("layers.0", Zero(), channels=(8,)), BadInput, "0 to 7"),
        (ReplaceActivation("layers.0", FromRun((1, 2)), positions=(2,)), BadInput, "0 to 1"),
        (ReplaceActivation("layers.0", FromRun((1, 99))), BadInput, "from 0 to 10"),
        (ReplaceActivation("layers.0", FromRun(())), BadInput, "at least one"),
        (ReplaceActivation("layers.0", Mean("storys", 2)), UnknownName, "stories"),
        (ReplaceActivation("layers.0.mlp.neurons", FromRun((1, 2), [DropMLP(0)])), NotAvailable, "dropped"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_touched(bad, error, says):
    handle = handle_of("llama")
    before = fingerprint(handle)
    with pytest.raises(error, match=says), edit(handle, ZeroWeight("embed"), bad):
        pytest.fail("the body must not run")
    assert fingerprint(handle) == before
