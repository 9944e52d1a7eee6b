"""An edit proves that it reaches what runs, or is refused by name; numbers that are none are told."""

import copy
import math

import pytest
import torch
from families import ids_of, make

import labkit
from labkit import DropMLP, MaskNeurons, ReplaceActivation, Zero, ZeroWeight
from labkit.base.errors import BadInput
from labkit.measurements import ChoiceMeasure, Question, choice_accuracy

BY_HOOK = [MaskNeurons(1, (0, 1)), ReplaceActivation("layers.1.mlp", Zero()), DropMLP(1)]


@pytest.mark.parametrize("edit", BY_HOOK, ids=str)
def test_a_compiled_model_is_refused_and_left_alone(edit):
    model, before = make("llama"), None
    model.compile(backend="eager")
    before = labkit.fingerprint(model)
    with pytest.raises(BadInput, match="The model is compiled"), labkit.edit(model, edit):
        pass
    assert labkit.fingerprint(model) == before and not labkit.audit(model).active


def test_a_compiled_part_is_named():
    model = make("llama")
    model.model.layers[1].mlp.compile(backend="eager")
    with (
        pytest.raises(BadInput, match=r"layers\.1\.mlp of the model is"),
        labkit.edit(model, DropMLP(1)),
    ):
        pass


def test_a_written_weight_reaches_a_compiled_model_too():
    model, plain = make("llama"), make("llama")
    model.compile(backend="eager")
    edit, ids = ZeroWeight("layers.1.mlp.down"), ids_of()
    with torch.no_grad(), labkit.edit(model, edit), labkit.edit(plain, edit):
        assert torch.allclose(model(ids).logits, plain(ids).logits, atol=1e-6)


def test_checkpointing_is_refused_in_training_alone():
    model = make("llama")
    model.gradient_checkpointing_enable()
    with labkit.edit(model.eval(), DropMLP(1)):
        pass
    with pytest.raises(BadInput, match="gradient checkpointing"), labkit.edit(model.train(), DropMLP(1)):
        pass


def test_wrapped_and_offloaded_parts_are_named():
    class Wrapper(torch.nn.Linear):
        pass

    Wrapper.__module__ = "peft.tuners.lora.layer"
    model = make("llama")
    model.model.layers[0].mlp.up_proj = Wrapper(16, 24)
    with pytest.raises(BadInput, match="merge_and_unload"), labkit.edit(model, DropMLP(1)):
        pass
    model = make("llama")
    model.model.layers[1]._hf_hook = object()
    with pytest.raises(BadInput, match="offloaded"), labkit.edit(model, DropMLP(0)):
        pass


def test_a_layer_used_twice_is_named():
    model = make("llama", depth=3)
    model.model.layers[2] = model.model.layers[1]
    with pytest.raises(BadInput, match="Layers 1 and 2 are one and the same module"):
        labkit.anatomy_of(model)
    model.model.layers[2] = copy.deepcopy(model.model.layers[1])
    assert labkit.anatomy_of(model).depth == 3


@pytest.mark.parametrize("edit", BY_HOOK, ids=str)
def test_what_a_file_of_weights_cannot_hold_is_not_saved(tmp_path, edit):
    cut = labkit.apply(make("labkit"), edit)
    with pytest.raises(BadInput, match=r"labkit\.shrink" if isinstance(edit, DropMLP) else "has a hook"):
        labkit.models.save(cut, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()
    labkit.models.save(labkit.apply(make("labkit"), ZeroWeight("layers.0.mlp.down")), tmp_path / "zeroed")


def _overflowing():
    model = make("labkit")
    with torch.no_grad():
        model.head.weight[0, 0] = math.nan
    return model


def test_accuracy_of_no_numbers_is_no_number():
    asked = [Question((1, 2, 3), ((4,), (5,)), 0)]
    with pytest.raises(BadInput, match="question 0 is no number"):
        choice_accuracy(_overflowing(), asked)
    right, _ = ChoiceMeasure(tuple(asked)).fold([(math.nan, -1.0)], [])
    assert math.isnan(right[0])


def test_a_text_of_no_numbers_is_told():
    with pytest.raises(BadInput, match="logits are no numbers"):
        labkit.generate(_overflowing(), ids_of(), 3)


def test_several_tokens_end_a_text_and_so_does_the_context():
    model = make("labkit")
    ids = ids_of()[:1]
    said = labkit.generate(model, ids, 6)[0, ids.shape[1] :].tolist()
    assert labkit.generate(model, ids, 6, stop=(said[0], 10**6)).shape[1] == ids.shape[1] + 1
    assert labkit.generate(model, ids, 6, context=ids.shape[1] + 2).shape[1] == ids.shape[1] + 2


def test_what_stands_around_a_model_is_answered_with_the_model():
    with pytest.raises(BadInput, match=r"model\._orig_mod"), labkit.edit(torch.compile(make("llama")), DropMLP(1)):
        pass
    with pytest.raises(BadInput, match=r"model\.module"), labkit.edit(torch.nn.DataParallel(make("llama")), DropMLP(1)):
        pass


def test_who_reads_an_offloaded_model_is_told():
    model = make("llama").to("meta")
    model.model.layers[0]._hf_hook = object()
    for read in (lambda: labkit.record(model, [1, 2], ["layers.0"]), lambda: labkit.measurements.loss(model, [[1, 2]])):
        with pytest.raises(BadInput, match="offloaded"):
            read()
