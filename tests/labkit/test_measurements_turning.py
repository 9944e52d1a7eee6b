"""How far an edit turns an embedding: equal to embedding twice, with and without reuse; and nobody else's question."""

import pytest
import torch
from transformers import BertConfig, BertModel

import labkit
from labkit.base.errors import BadInput
from labkit.measurements import TurnMeasure, loss
from labkit.zoo import Handle

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
DOCUMENTS = [[1, 5, 9, 2], [1, 7, 7, 2], [1, 5, 9, 30, 31, 2]]


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return BertModel(BertConfig(**SIZES, max_position_embeddings=32), add_pooling_layer=False).eval()


@torch.no_grad()
def embedded(model):
    means = [model(torch.tensor([ids])).last_hidden_state[0].mean(dim=0) for ids in DOCUMENTS]
    return torch.nn.functional.normalize(torch.stack(means), dim=-1)


def test_a_turn_is_that_of_embeddings_taken_with_and_without_the_edit(encoder):
    edits = [labkit.ScaleWeight(f"layers.{layer}.mlp_norm[3]", 4.0) for layer in range(3)]
    edits += [labkit.ScaleWeight(f"layers.{layer}.attn_norm[5]", -3.0) for layer in range(3)]
    before = embedded(encoder)
    swept = {name: labkit.sweep(encoder, edits, DOCUMENTS, TurnMeasure(), engine=name) for name in ("prefix", "plain")}
    assert swept["prefix"].engine == "prefix"
    for one in edits:
        with labkit.edit(encoder, one):
            turned = 1 - (before * embedded(encoder)).sum(dim=1)
        assert float(turned.min()) > 1e-4
        for found in swept.values():
            assert found[one].measured.per_unit == pytest.approx(turned.tolist(), abs=2e-6)


def test_nothing_changed_is_no_turn(encoder):
    same = labkit.ScaleWeight("layers.1.mlp_norm[3]", 1.0)
    assert labkit.sweep(encoder, [same], DOCUMENTS, TurnMeasure())[same].change.value == pytest.approx(0, abs=1e-6)


def test_an_encoder_is_refused_where_a_next_token_is_asked_for(encoder):
    for ask in (
        lambda: loss(encoder, DOCUMENTS),
        lambda: labkit.sweep(encoder, [labkit.DropMLP(0)], DOCUMENTS),
        lambda: loss(Handle("toy", encoder, None), DOCUMENTS),
    ):
        with pytest.raises(BadInput, match="predicts no next token"):
            ask()
