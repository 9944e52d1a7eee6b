"""Which device a model is loaded to: by default, as asked, and what is said when that cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from families import make, tokenizer, write_hub
from pretend import CUDA, moved, pretend_gpu
from torch import nn

import labkit
from labkit.base.errors import BadInput, NotAvailable
from labkit.cli import doctor, health
from labkit.models import save
from labkit.zoo import encoder

TEXT = "a b c d e f g h."
GIB = 2**30


@pytest.fixture
def hub(tmp_path):
    """A small Llama in the hub's layout."""
    return write_hub(tmp_path / "hub", "llama")


@pytest.fixture
def ours(tmp_path):
    save(make("labkit"), tmp_path / "ours")
    return tmp_path / "ours"


@pytest.fixture
def gpu(monkeypatch):
    """One pretend GPU with a GiB free; return what sets the free bytes."""

    def free(found: int, held: int = 0, used: int = 0) -> None:
        facts = {"mem_get_info": (found, 16 * GIB), "memory_reserved": held, "memory_allocated": used}
        for name, value in facts.items():
            monkeypatch.setattr(torch.cuda, name, lambda gpu, value=value: value)

    for name, value in {"is_available": True, "device_count": 1, "current_device": 0, "get_device_name": "T4"}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    cpu = nn.Module.to
    monkeypatch.setattr(nn.Module, "to", lambda model, device: moved(model) if device == CUDA else cpu(model, device))
    free(GIB)
    with pretend_gpu():
        yield free


def test_without_a_gpu_all_are_on_the_cpu(hub, ours):
    for place in (hub, ours, "lab/tiny"):
        handle = labkit.load(place)
        assert handle.device == torch.device("cpu") and "cpu" not in repr(handle)
        assert labkit.load(place, device="cpu").device == handle.encode("a").device == torch.device("cpu")


def test_models_of_the_hub_take_the_gpu_and_ours_stay(gpu, hub, ours):
    handle = labkit.load(hub)
    assert handle.device == handle.encode(TEXT).device == CUDA and repr(handle).endswith("parameters, on cuda:0)")
    assert {p.dtype for p in handle.model.parameters()} == {torch.float32}
    assert handle.model.lm_head.weight is handle.model.model.embed_tokens.weight
    assert labkit.load(ours).device == labkit.load("lab/tiny").device == torch.device("cpu")
    said = labkit.load(hub, device="cpu").generate(TEXT, 5, temperature=1.0)
    assert handle.generate(TEXT, 5, temperature=1.0) == said


@pytest.mark.parametrize("device", ["cuda", "cuda:0", torch.device("cuda")])
def test_what_is_asked_for_is_done(gpu, hub, ours, device, monkeypatch):
    small = encoder.Encoder("minilm", make("llama"), tokenizer())
    monkeypatch.setattr(encoder, "load_encoder", lambda: small)
    for place in (hub, ours, "lab/tiny", "minilm"):
        assert labkit.load(place, device=device).device == CUDA
    assert labkit.load(hub, device=torch.device("cpu")).device == torch.device("cpu")


def test_a_model_that_does_not_fit_stays_on_the_cpu_or_is_refused(gpu, hub):
    needed = int(sum(p.numel() for p in make("llama").parameters()) * 4 * 1.25)
    for found, held, used, device in (
        (needed, 0, 0, CUDA),
        (needed - 1, 0, 0, torch.device("cpu")),
        (0, needed + 7, 7, CUDA),  # held by torch for models that are gone
    ):
        gpu(found, held, used)
        assert labkit.load(hub).device == device
    gpu(needed - 1)
    with pytest.raises(NotAvailable, match=r"needs about .* GiB of cuda:0 are free") as told:
        labkit.load(hub, device="cuda")
    assert "Expected: a model that fits" in str(told.value) and 'device="cpu"' in str(told.value)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps", "", 0, "CPU"])
def test_what_is_no_device_is_told_before_weights_are_read(hub, device, unread):
    with pytest.raises(BadInput, match="no device that labkit") as told:
        labkit.load(hub, device=device)
    assert 'Expected: "cpu", "cuda" or "cuda:0"' in str(told.value) and "Try: leave it out" in str(told.value)


@pytest.mark.parametrize("place", ["hub", "ours", "lab/tiny"])
def test_a_gpu_that_is_not_here_is_told_before_weights_are_read(request, place, unread):
    place = place if "/" in place else request.getfixturevalue(place)
    with pytest.raises(NotAvailable, match="sees no GPU") as told:
        labkit.load(place, device="cuda")
    assert 'Expected: "cpu"' in str(told.value) and "Colab" in str(told.value)
    request.getfixturevalue("gpu")
    with pytest.raises(NotAvailable, match=r"sees 1 GPU\."):
        labkit.load(place, device="cuda:1")


@pytest.fixture
def unread(monkeypatch, hub, ours):
    """Fail the test when weights are read."""
    for door in ("labkit.models.load", "transformers.AutoModelForCausalLM.from_pretrained"):
        monkeypatch.setattr(door, lambda *_, **__: pytest.fail("weights were read"))


def test_what_is_said_of_a_gpu_is_true(gpu, monkeypatch):
    assert health._device() == "cpu; for models of the hub: cuda (T4)"
    report = {**health.examine(), "device": health._device()}
    assert "device cpu; for models of the hub: cuda (T4)" in doctor._in_words(report)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert health._device() == "cpu"


def test_a_lesson_opens_without_torch_all_the_same():
    code = "import sys; from labkit.course import lesson; lesson._machine(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(labkit.__file__).parents[1]).returncode == 0
