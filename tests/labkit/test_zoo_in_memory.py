"""load for what a reader already has: a module in memory, a folder, a type of weights."""

import pytest
import torch
from families import make

import labkit
from labkit.base.errors import BadInput, BrokenFile


class Tokenizer:
    eos_token_id = 0

    def __call__(self, text):
        return {"input_ids": [1 + len(word) for word in text.split()]}

    def decode(self, ids, **_):
        return " ".join("x" * int(i - 1) for i in ids)


def test_a_model_in_memory_becomes_a_handle_and_is_not_touched():
    module = make("llama").train()
    before = labkit.fingerprint(module)
    handle = labkit.load(module, Tokenizer())
    assert handle.model is module and module.training and labkit.fingerprint(module) == before
    with labkit.edit(handle, labkit.DropAttention(1)):
        cut = handle.generate("ab cde f", 3)
    assert len(cut.split()) == 6 and labkit.fingerprint(module) == before
    assert labkit.sweep(handle, [labkit.DropMLP(0)], ["ab cde f"]).base.value > 0


def test_a_decoder_of_the_course_reads_the_worlds_pieces():
    decoder = labkit.load("lab/tiny").model
    assert labkit.load(decoder).encode("Night fell.").tolist() == labkit.load("lab/tiny").encode("Night fell.").tolist()


@pytest.mark.parametrize(
    ("asked", "options", "words"),
    [
        (lambda: make("llama"), {}, "without a tokenizer"),
        (lambda: make("llama"), {"tokenizer": Tokenizer(), "dtype": "bfloat16"}, "taken as it is"),
        (lambda: make("llama"), {"tokenizer": Tokenizer(), "device": "cpu"}, "taken as it is"),
        (lambda: "lab/tiny", {"tokenizer": Tokenizer()}, "its own tokenizer"),
        (lambda: "lab/tiny", {"dtype": "int8"}, "no type that weights can have"),
        (lambda: "lab/tiny", {"dtype": 16}, "no type that weights can have"),
        (lambda: 3, {}, "no name of a model"),
    ],
)
def test_what_does_not_fit_is_refused(asked, options, words):
    with pytest.raises(BadInput, match=words):
        labkit.load(asked(), **options)


def test_weights_take_the_type_asked_for():
    model = labkit.load("lab/tiny", dtype="bfloat16").model
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in labkit.load("lab/tiny").model.parameters()} == {torch.float32}


def test_a_mistyped_folder_is_told_as_a_folder(tmp_path):
    (tmp_path / "my-model").mkdir()
    with pytest.raises(BrokenFile, match=r"no folder .*mymodel.*\n.*\n.*did you mean my-model"):
        labkit.load(f"{tmp_path}/mymodel")
    with pytest.raises(BrokenFile, match="is not there either"):
        labkit.load("./nowhere/model")


def test_a_plan_is_saved_under_the_name_of_its_format(tmp_path):
    with pytest.raises(BadInput, match=r"ends in \.toml"):
        labkit.Plan((labkit.DropMLP(0),)).save(tmp_path / "plan.json")
    assert not list(tmp_path.iterdir())


def test_generate_says_what_it_takes():
    with pytest.raises(BadInput, match=r"handle\.generate"):
        labkit.generate(labkit.load("lab/tiny"), "Night fell.", 3)
