"""labkit.check: one line for each thing that edits and sweeps take for granted, on any model a reader brings."""

import json

import torch
from families import each_family, make, write_hub

import labkit
from labkit.cli.entry import main
from labkit.interventions import DropMLP
from labkit.sweeps import standard_proof


def failed(proof):
    return {line.what for line in proof.lines if line.passed is False}


@each_family
def test_every_family_passes_and_is_left_alone(family):
    model = make(family).train()
    before, dice = labkit.fingerprint(model), torch.get_rng_state()
    proof = labkit.check(model)
    assert proof.ok, proof.table()
    assert labkit.fingerprint(model) == before and torch.equal(torch.get_rng_state(), dice)
    assert len(proof.table().splitlines()) == len(proof.lines) + 2


def test_an_encoder_is_judged_by_its_states():
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    proof = labkit.check(BertModel(BertConfig(vocab_size=31, **sizes), add_pooling_layer=False).eval())
    assert proof.ok, proof.table()


def test_what_is_refused_is_told_with_its_reason_once():
    model = make("llama")
    model._compiled_call_impl = model._call_impl  # as compiled as labkit looks, without dynamo's minute
    proof = labkit.check(model)
    assert not proof.ok and {"drop an MLP", "sweep of blocks"} <= failed(proof) and "zero a weight" not in failed(proof)
    assert proof.table().count("hooks are passed over") == 1


def test_what_stands_around_a_model_is_told():
    proof = labkit.check(torch.nn.DataParallel(make("llama")))
    assert not proof.ok and "model.module" in proof.table()


def test_no_numbers_are_told_with_their_place():
    model = make("gpt2")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.bias[0] = float("nan")
    assert "layer 1, mlp.c_fc" in labkit.check(model).table()


def test_an_edit_that_does_not_reach_is_found(monkeypatch):
    monkeypatch.setattr(DropMLP, "prepare", lambda self, model: [])
    proof = labkit.check(make("labkit"))
    assert "drop an MLP" in failed(proof) and "does not reach" in proof.table()


def test_a_sweep_that_differs_is_found(monkeypatch):
    real = standard_proof.sweep

    def off(model, plans, documents, measure, engine):
        return real(model, plans if engine == "plain" else plans[::-1], documents, measure, engine=engine)

    monkeypatch.setattr(standard_proof, "sweep", off)
    assert "sweep of blocks" in failed(labkit.check(make("labkit")))


def test_the_command_takes_a_name_or_a_folder(tmp_path, capsys):
    folder = write_hub(tmp_path / "model", "qwen3")
    assert main(["doctor", "--model", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"]
    assert main(["doctor", "--model", "lab/nothing"]) == 2
    assert "There is no model" in capsys.readouterr().err
