"""Healing and probing: a short training on a copy, and four questions to a model."""

import pytest
import torch
from families import make

from labkit import world
from labkit.anatomy import anatomy_of, fingerprint
from labkit.base.errors import BadInput
from labkit.interventions import DropAttention, DropMLP, heal
from labkit.measurements import probes
from labkit.models import DecoderConfig
from labkit.zoo import Handle

SHORT = {"copying": 2, "recall": 2}


def handle():
    config = DecoderConfig(
        vocab=world.tokenizer().vocab_size, width=16, depth=3, heads=2, ffn=24, context=256, init_std=0.05
    )
    return Handle("small", config.build(0).eval(), world.tokenizer())


def test_healing_trains_what_is_left_of_a_copy_and_keeps_a_log():
    patient, said = handle(), []
    before, state = fingerprint(patient), torch.get_rng_state()
    plan = [DropAttention(1), DropMLP(0)]
    healed = heal(patient, plan, steps=6, lr=5e-3, documents=SHORT, say=said.append)
    assert fingerprint(patient) == before and torch.equal(torch.get_rng_state(), state)
    assert isinstance(healed.model, Handle) and anatomy_of(healed.model).blocks[1].attention is None
    assert healed.losses[-1] < healed.losses[0] and list(healed.log) == said and len(said) == 6
    assert [entry["step"] for entry in said] == [1, 2, 3, 4, 5, 6] and said[-1]["tokens"] > said[0]["tokens"]
    assert not healed.model.model.training and all(p.grad is None for p in healed.model.model.parameters())
    again = heal(patient.model, plan, steps=6, lr=5e-3, documents=SHORT)
    same = zip(again.model.state_dict().values(), healed.model.model.state_dict().values())
    assert all(torch.equal(a, b) for a, b in same) and healed.table().count("\n") == 5
    other = heal(patient, plan, steps=1, lr=5e-3, documents=SHORT, seed=1)
    assert other.losses[0] != healed.losses[0]


def test_without_a_plan_the_whole_copy_is_trained():
    patient = handle()
    before = fingerprint(patient)
    with torch.no_grad():
        healed = heal(patient, steps=2, documents=SHORT)
    assert fingerprint(patient) == before and healed.model.parameters == patient.parameters
    assert not torch.equal(healed.model.model.embed.weight, patient.model.embed.weight)


def test_what_cannot_be_healed_is_told():
    for model in (make("labkit"), make("llama")):
        with pytest.raises(BadInput, match="reads the world"):
            heal(model, DropMLP(0))
    with pytest.raises(BadInput, match="steps"):
        heal(handle(), DropMLP(0), steps=0)
    with pytest.raises(BadInput, match="lower learning rate"):
        broken = handle()
        with torch.no_grad():
            broken.model.norm.weight[0] = float("nan")
        heal(broken, DropMLP(0), steps=1, documents=SHORT)


def test_probes_are_four_shares_with_their_chance():
    patient = handle()
    found, again = probes(patient, 8, seed=3), probes(patient, 8, seed=3)
    assert [name for name, _ in found] == ["lantern", "facts", "recall", "copying"]
    assert found == again and all(one.n == 8 and one.null <= 0.5 for _, one in found)
    change = found.against(again)
    assert all(one.value == 0 and one.null == 0 for one in change.values())
    assert "copying" in found.table() and set(found.as_dict()) == set(change)
    with pytest.raises(BadInput, match="n = 0"):
        probes(patient, 0)
    with pytest.raises(BadInput, match="does not read"):
        probes(make("llama"))
