"""Whose mark is it: copies made inside an edit, hooks that change nothing, what torch's own switches reach."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import pytest
import torch
from families import FAMILY_NAMES, ids_of, make
from torch import nn

import labkit
from labkit import DropAttention, DropMLP, MaskNeurons, Quantise, ZeroWeight, apply, audit, edit, shrink
from labkit.anatomy import anatomy_of, fingerprint
from labkit.anatomy.families import FAMILIES
from labkit.base.errors import BadInput, BrokenFile, NotAvailable
from labkit.sweeps import every_sublayer, sweep
from labkit.zoo.described import DESCRIBED, check_described

EDITS = [DropAttention(1), MaskNeurons(1, (1, 2)), ZeroWeight("layers.1.mlp.down")]


@pytest.mark.parametrize("made", EDITS, ids=str)
@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_made_inside_an_edit_says_so_and_shrink_refuses_it(made, twin_of):
    model = make("llama")
    with edit(model, made):
        twin = twin_of(model)
    assert audit(model).clean and audit(twin).left == (str(made),) and not audit(twin).clean
    with pytest.raises(BadInput, match="copied while it was edited"):
        shrink(twin, DropMLP(0))
    with edit(twin, DropMLP(0)):
        assert audit(twin).left == (str(made),), "another edit hides nothing"
    assert audit(twin).left == (str(made),)


def test_a_part_copied_inside_an_edit_is_known_by_its_stand_ins():
    model, other = make("llama"), make("llama")
    with edit(model, DropMLP(1)):
        other.model.layers[1] = copy.deepcopy(model.model.layers[1])
    assert any("layers.1.mlp" in place for place in audit(other).left) and audit(model).clean


def test_a_copy_by_apply_inside_an_edit_is_an_applied_one():
    model = make("llama")
    with edit(model, DropMLP(1)):
        twin = apply(model, DropMLP(0))
    assert not audit(twin).left and len(audit(twin).applied) == 2


def test_a_look_at_the_hidden_states_changes_no_fingerprint_no_audit_and_no_sweep():
    model, ids = make("llama"), ids_of(6)
    before, begun = fingerprint(model), sweep(model, every_sublayer(model), ids.tolist())
    with torch.no_grad():
        model(ids, output_hidden_states=True)
    assert fingerprint(model) == before and audit(model).clean
    assert len(sweep(model, every_sublayer(model), ids.tolist(), resume=begun).points) == 4
    model.lm_head.register_forward_hook(print)
    assert fingerprint(model) != before, "a hook that is not theirs still counts"


def test_a_sweep_inside_inference_mode_is_the_sweep_outside():
    model, docs = make("llama"), ids_of(8).tolist()
    outside = sweep(model, every_sublayer(model), docs)
    with torch.inference_mode():
        inside = sweep(model, every_sublayer(model), docs)
    assert [one.measured.value for one in inside.points] == [one.measured.value for one in outside.points]
    assert inside.engine == outside.engine == "prefix"


def test_a_cache_filled_inside_inference_mode_is_read_outside():
    tiny = labkit.load("lab/tiny")
    ids = tiny.encode("Mara has the lantern.")[None]
    with torch.inference_mode():
        held = tiny.model(ids, use_cache=True).past_key_values
        held = tiny.model(ids[:, -1:], past_key_values=held, use_cache=True).past_key_values
    with torch.no_grad():
        found = tiny.model(ids[:, :1], past_key_values=held, use_cache=True).logits[:, -1]
        whole = tiny.model(torch.cat((ids, ids[:, -1:], ids[:, :1]), dim=1)).logits[:, -1]
    assert torch.allclose(found, whole, atol=1e-4)


def test_models_are_loaded_alike_whatever_torch_was_told():
    wanted = fingerprint(labkit.load("lab/tiny").model)
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.inference_mode(), torch.device("meta"):
            handle = labkit.load("lab/tiny")
        assert torch.get_default_dtype() is torch.bfloat16
    finally:
        torch.set_default_dtype(torch.float32)
    assert fingerprint(handle.model) == wanted
    with edit(handle, ZeroWeight("layers.0.mlp.down[1, 2]")):
        pass


def test_who_generates_waits_while_another_thread_edits():
    tiny, text = labkit.load("lab/tiny"), "Mara has the lantern."
    wanted, found, stop = tiny.generate(text, 6), set(), threading.Event()

    def write():
        while not stop.is_set():
            found.add(tiny.generate(text, 6))

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(10):
        with edit(tiny, DropAttention(0)):
            time.sleep(0.01)
        time.sleep(0.01)
    stop.set()
    thread.join()
    assert found == {wanted}


def test_layers_that_share_a_part_are_named():
    model = make("llama")
    model.model.layers[1].mlp = model.model.layers[0].mlp
    with pytest.raises(BadInput, match=r"mlp of layer 0 and that of layer 1 are one and the same"):
        anatomy_of(model)


class Adapter(nn.Module):
    """Stands around a layer, as an adapter does."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def forward(self, x):
        return self.base(x)


def test_a_covered_weight_is_named_and_a_group_that_is_not_whole_is_refused():
    model = make("llama")
    model.model.layers[1].mlp.down_proj = Adapter(model.model.layers[1].mlp.down_proj)
    with pytest.raises(BadInput, match=r"layers\.1\.mlp\.down is .*Adapter, which holds no weight of its own"):
        labkit.view(model, "layers.1.mlp.down")
    for group in ("matrices", "mlp.down"):
        with pytest.raises(BadInput, match="Adapter"), edit(model, Quantise(group, 4)):
            pass
    with edit(model, Quantise("mlp.up", 4)):
        pass


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_no_family_has_covered_weights_as_it_is(family):
    assert not anatomy_of(make(family)).covered


def test_what_is_loaded_from_the_hub_is_what_anatomy_describes():
    assert {kind for family in FAMILIES for kind in family.model_types} == set(DESCRIBED)


def test_a_family_that_is_not_described_is_told_from_its_config(tmp_path):
    from transformers import Gemma3Config, MixtralConfig

    with pytest.raises(NotAvailable, match=r"'gemma3', which has no anatomy.*\n.*gemma3_text alone"):
        check_described("google/gemma-3-4b-it", Gemma3Config())
    MixtralConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"never read")
    tokenizer = __import__("transformers").PreTrainedTokenizerFast
    from tokenizers import Tokenizer, models

    tokenizer(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))).save_pretrained(tmp_path)
    with pytest.raises(NotAvailable, match="'mixtral', which has no anatomy here; its weights were not fetched"):
        labkit.load(tmp_path)


def test_an_index_that_names_a_pickle_is_refused_before_anything_is_opened(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "weights.bin"}}')
    with pytest.raises(BrokenFile, match=r"weights\.bin is a pickle"):
        labkit.load(tmp_path)
