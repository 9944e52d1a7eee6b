"""Every family in the hub's layout, offline: the same door and cells; and what is said when one cannot come in."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from families import FAMILY_NAMES, make, write_hub

import labkit
from labkit.anatomy import fingerprint
from labkit.base.errors import BrokenFile, NotAvailable
from labkit.measurements import loss
from labkit.papers import super_weight as super_weights
from labkit.papers.curse_of_depth.method.distances import angular_distances
from labkit.papers.what_matters.method.metrics import Cosine
from labkit.sweeps import every_sublayer, pruning_curve, sweep
from labkit.zoo import hub, memory

TEXT = "a b c d e f g h."
HUB_FAMILIES = [family for family in FAMILY_NAMES if family != "labkit"]


@pytest.mark.parametrize("family", HUB_FAMILIES)
def test_the_hub_cells_of_the_lessons_run_on_every_family(tmp_path, family):
    place = write_hub(tmp_path, family, depth=3)
    handle = labkit.load(place)
    with torch.no_grad():
        ids = handle.encode(TEXT)
        assert torch.allclose(handle.model(ids[None]).logits, make(family, depth=3)(ids[None]).logits, atol=1e-5)
    before, documents = fingerprint(handle), [handle.encode(TEXT) for _ in range(2)]
    # Lesson 01: the scan, a weight at zero and back.
    found = super_weights.find_super_weights(handle, TEXT)
    assert found.table()
    with labkit.edit(handle, labkit.ZeroWeight("layers.1.mlp.down[3, 2]")):
        assert fingerprint(handle) != before
    # Lesson 02: what each layer changes, and what its loss costs.
    assert len(Cosine()(handle, documents).ranked("block")) == 3
    swept = sweep(handle, every_sublayer(handle), documents)
    assert len(swept.points) == 6
    with labkit.edit(handle, labkit.DropAttention(1)):
        assert loss(handle, documents).value == pytest.approx(swept[labkit.DropAttention(1)].value, abs=1e-5)
    # Lesson 08: how far blocks turn the stream, and what each costs to lose.
    assert angular_distances(handle, documents).depth == 3
    assert len(pruning_curve(handle, [TEXT]).points) == 3
    assert fingerprint(handle) == before


def test_no_room_is_said_before_any_weight_is_read(tmp_path, monkeypatch):
    place = write_hub(tmp_path, "llama", depth=3)
    counts = memory.parameter_counts(str(place), here=True)
    assert counts == Counter({"F32": sum(p.numel() for p in make("llama", depth=3).parameters())})
    monkeypatch.setattr(memory, "free_memory", lambda: 4 * counts.total())
    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(NotAvailable, match=r"stored as F32.*needs about .* are free") as told:
        labkit.load(place)
    assert "billion parameters on this machine" in str(told.value) and "smaller model" in str(told.value)


def test_room_that_is_enough_or_unknown_is_no_reason_to_refuse(tmp_path, monkeypatch):
    place = write_hub(tmp_path, "llama", depth=3)
    needed = memory.parameter_counts(str(place), here=True).total() * 5
    for free in (needed, None):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        assert labkit.load(place).parameters > 0
    assert memory.parameter_counts("nobody/nothing", here=True) == Counter()


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    whole = memory.free_memory()
    (tmp_path / "max").write_text("3000\n")
    (tmp_path / "used").write_text("1000\n")
    monkeypatch.setattr(memory, "_CGROUPS", ((str(tmp_path / "max"), str(tmp_path / "used")),))
    assert memory.free_memory() == 2000 < whole
    (tmp_path / "max").write_text("max\n")
    assert memory.free_memory() > 10**6


def test_a_damaged_header_is_left_to_the_loader(tmp_path):
    place = write_hub(tmp_path, "llama", depth=3)
    (place / "model.safetensors").write_bytes(b"\x08" + bytes(7) + b"{not js}")
    assert memory.parameter_counts(str(place), here=True) == Counter()
    with pytest.raises(BrokenFile, match="truncated or corrupt"):
        labkit.load(place)


def test_a_missing_shard_is_named(tmp_path):
    place = write_hub(tmp_path, "llama", depth=3)
    handle = labkit.load(place)
    handle.model.save_pretrained(place, max_shard_size="2KB")
    (place / "model.safetensors").unlink(missing_ok=True)
    index = json.loads((place / "model.safetensors.index.json").read_text())
    (place / sorted(set(index["weight_map"].values()))[0]).unlink()
    with pytest.raises(BrokenFile, match="hub layout"):
        labkit.load(place)


def test_a_licence_that_must_be_accepted_is_told(monkeypatch):
    class GatedRepoError(OSError):
        pass

    def gated(*_, **__):
        raise OSError("You are trying to access a gated repo.") from GatedRepoError("401")

    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", gated)
    with pytest.raises(NotAvailable, match="licence") as told:
        labkit.load("meta-llama/Llama-3.2-1B")
    assert "hf auth login" in str(told.value) and "lab/tiny" in str(told.value)


@pytest.mark.parametrize("cause", [OSError(28, "No space left on device"), MemoryError("8 GiB"), ValueError("llama9")])
def test_what_is_no_network_is_not_told_as_one(tmp_path, monkeypatch, cause):
    from labkit.base.errors import NoNetwork, NotAvailable
    from labkit.course import load_if_here

    def fails(*args, **options):
        raise RuntimeError("wrapped by the library") from cause

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", fails)
    with pytest.raises(NotAvailable, match="could not be loaded") as caught:
        load_if_here("somebody/some-model")
    assert not isinstance(caught.value, NoNetwork) and str(cause) in caught.value.what


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("kind", [OSError, PermissionError])
def test_a_disk_that_refuses_is_no_network_though_its_words_name_the_cache(monkeypatch, kind, wrapped):
    from labkit.course import load_if_here

    code, words = (28, "No space left on device") if kind is OSError else (13, "Permission denied")

    def fails(*args, **options):
        cause = kind(code, words, "/home/me/.cache/huggingface/hub/a.lock")
        if wrapped:
            raise OSError("Check cache directory permissions.") from cause
        raise cause

    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", fails)
    with pytest.raises(NotAvailable, match=words):
        load_if_here("somebody/some-model")


@pytest.mark.parametrize("named", [3, [2, 3]])
def test_what_a_model_itself_calls_an_end_ends_its_text(tmp_path, named):
    write_hub(tmp_path, "llama")
    handle = labkit.load(tmp_path)
    handle.model.generation_config.eos_token_id = named
    likeliest = torch.nn.functional.one_hot(torch.tensor(3), handle.model.config.vocab_size).float()
    handle.model.lm_head.register_forward_hook(lambda module, args, out: likeliest.expand_as(out).clone())
    wanted = handle.decode([*handle.encode("a b").tolist(), 3])
    assert handle.generate("a b", 10) == wanted


def test_weights_that_lie_there_twice_count_once(tmp_path):
    import shutil

    from labkit.zoo.memory import parameter_counts

    write_hub(tmp_path, "llama")
    true = sum(parameter.numel() for parameter in make("llama").parameters())
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "consolidated.safetensors")
    assert sum(parameter_counts(str(tmp_path), here=True).values()) == true
