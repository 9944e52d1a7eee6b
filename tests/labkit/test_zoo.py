"""The zoo: shipped, local and hub-layout models through one door, and every way a file can be wrong."""

import json
import os
import pickle
import shutil

import pytest
import torch
from torch import nn

import labkit
from labkit import models, training, world, zoo
from labkit.base import toml
from labkit.base.errors import BadInput, BrokenFile, LabkitError, NotAvailable, UnknownName
from labkit.zoo.hub import nearest

TEXT = "Mei gave the lantern to Juno."


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = training.Recipe(
        name="lab/toy",
        size="cpu",
        about="A toy.",
        model={"width": 16, "depth": 1, "heads": 2, "ffn": 24, "context": 256},
        documents={"copying": 4},
        steps=3,
        lr=1e-2,
        warmup=1,
        pool=2,
    )
    return training.train(recipe, out=tmp_path_factory.mktemp("run"))


@pytest.fixture
def data(tmp_path, monkeypatch):
    world.tokenizer()  # read from the real data before it is moved
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def shipped(run, data):
    zoo.ship(run.folder, measure=lambda handle: {"loss": {"value": 1.5}}, defects=["It knows nothing."])
    return data / "models" / "lab" / "toy"


@pytest.fixture
def hub(tmp_path):
    """A small Llama with a tokenizer, in the hub's layout."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = world.tokenizer()
    config = models.DecoderConfig(
        vocab=tokenizer.vocab_size, width=16, depth=2, heads=2, ffn=24, context=64, init_std=0.3
    )
    llama = models.to_llama(config.build(1))
    llama.save_pretrained(tmp_path / "hub")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer.inner, eos_token="‹end›").save_pretrained(tmp_path / "hub")
    return tmp_path / "hub"


def test_a_shipped_model_is_the_trained_one_in_half_precision(run, shipped):
    handle = labkit.load("lab/toy")
    assert handle.model.dtype == torch.float32 and not handle.model.training
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(handle.model.state_dict()[name], tensor.half().float())
    assert handle.parameters == sum(p.numel() for p in run.model.parameters())
    assert handle.card["tokens"] == run.tokens and handle.card["loss"] == {"value": 1.5}
    assert handle.card["defects"] == ["It knows nothing."] and handle.card["world"] == world.VERSION
    assert repr(handle) == f"Handle('lab/toy', {handle.parameters:,} parameters)"


def test_text_to_ids_and_back(shipped):
    handle, tokenizer = labkit.load("lab/toy"), world.tokenizer()
    ids = handle.encode(TEXT)
    assert ids.dtype == torch.long and ids.tolist() == [tokenizer.bos, *tokenizer.encode(TEXT)]
    assert handle.decode(ids) == TEXT
    assert [b.tolist() for b in handle.encode_batch([TEXT, "Mei."])] == [ids.tolist(), handle.encode("Mei.").tolist()]
    assert handle.encode_documents([TEXT])[0].tolist() == [*ids.tolist(), tokenizer.eos]
    assert "".join(handle.pieces(ids[1:])).strip() == TEXT
    text = handle.generate(TEXT, max_new_tokens=5)
    assert text.startswith(TEXT) and len(text) > len(TEXT)
    one, again, other = (handle.generate(TEXT, max_new_tokens=9, temperature=1.0, seed=s) for s in (1, 1, 2))
    assert one == again != other


def test_hub_layout_through_the_same_door(hub):
    handle = labkit.load(hub)
    assert handle.model.dtype == torch.float32 and not handle.model.training
    ids = handle.encode(TEXT)
    assert handle.decode(ids) == TEXT
    assert handle.encode_documents([TEXT])[0].tolist() == ids.tolist()
    ours = models.from_llama(handle.model)
    with torch.no_grad():
        assert (handle.model(ids[None]).logits - ours(ids[None]).logits).abs().max() <= 1e-5
    assert handle.generate(TEXT, max_new_tokens=4).startswith(TEXT)
    assert zoo.module_of(handle) is zoo.module_of(handle.model) is handle.model


def test_a_local_folder_of_ours(run):
    handle = labkit.load(run.folder / "final")
    assert isinstance(handle.model, models.Decoder) and handle.decode(handle.encode(TEXT)) == TEXT


def test_half_precision_on_the_hub_is_float32_here(hub):
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(hub, dtype=torch.bfloat16).save_pretrained(hub)
    assert {p.dtype for p in labkit.load(hub).model.parameters()} == {torch.float32}


def test_models_lists_what_is_shipped_and_whether_it_is_whole(shipped):
    (entry,) = zoo.models()
    assert entry["name"] == "lab/toy" and entry["ok"] and entry["problem"] is None
    assert entry["bytes"] == sum(p.stat().st_size for p in shipped.iterdir() if p.name != "manifest.json")
    assert entry["card"]["about"] == "A toy." and json.dumps(entry)
    (shipped / "model.safetensors").write_bytes(b"")
    (entry,) = zoo.models()
    assert not entry["ok"] and "0 bytes" in entry["problem"]


# Wrong files.


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "card.toml"])
@pytest.mark.parametrize("how", ["absent", "truncated", "changed"])
def test_shipped_files_are_checked_before_they_are_opened(shipped, name, how):
    path = shipped / name
    content = path.read_bytes()
    if how == "absent":
        path.unlink()
    else:
        path.write_bytes(content[:-3] if how == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    says = {"absent": "missing", "truncated": "bytes", "changed": "not the file that was shipped"}[how]
    with pytest.raises(BrokenFile, match=says) as caught:
        labkit.load("lab/toy")
    assert name in str(caught.value) and "restore" in str(caught.value)


def test_a_damaged_manifest_is_told(shipped):
    path = shipped / "manifest.json"
    elsewhere = path.read_text().replace("lab/toy", "lab/other")
    for content in ("{", '{"name": 3}', "[]", elsewhere):
        path.write_text(content)
        with pytest.raises(BrokenFile, match=r"manifest\.json is damaged"):
            labkit.load("lab/toy")


class _Bomb:
    def __reduce__(self):
        return os.mkdir, (self.where,)


def _bomb(where):
    bomb = _Bomb()
    bomb.where = str(where)
    return bomb


def test_pickles_are_refused_by_name(hub, tmp_path):
    for name in ("pytorch_model.bin", "weights.pt", "model.pth", "model.pkl", "x.ckpt"):
        path = tmp_path / name
        torch.save(_bomb(tmp_path / "ran"), path)
        with pytest.raises(BrokenFile, match="is a pickle"):
            labkit.load(path)
    (hub / "model.safetensors").unlink()
    shutil.copy(tmp_path / "pytorch_model.bin", hub)
    with pytest.raises(BrokenFile, match=r"pytorch_model\.bin is a pickle"):
        labkit.load(hub)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", ["zip", 2, 4])
@pytest.mark.parametrize("folder", ["ours", "hub"])
def test_pickles_are_refused_by_content(run, hub, tmp_path, protocol, folder):
    where = hub if folder == "hub" else shutil.copytree(run.folder / "final", tmp_path / "mine")
    path = where / "model.safetensors"
    if protocol == "zip":
        torch.save(_bomb(tmp_path / "ran"), path)
    else:
        path.write_bytes(pickle.dumps(_bomb(tmp_path / "ran"), protocol=protocol))
    with pytest.raises(BrokenFile, match="pickle under another name"):
        labkit.load(where)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_beside_safetensors_is_never_opened(hub, tmp_path):
    torch.save(_bomb(tmp_path / "ran"), hub / "pytorch_model.bin")
    assert labkit.load(hub).parameters > 0
    assert not (tmp_path / "ran").exists()


def test_code_from_elsewhere_is_never_run(hub, tmp_path):
    about = json.loads((hub / "config.json").read_text())
    about |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (hub / "config.json").write_text(json.dumps(about))
    (hub / "evil.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\n")
    with pytest.raises(LabkitError, match="would run code from its author"):
        labkit.load(hub)
    assert not (tmp_path / "ran").exists()


def test_broken_hub_folders_are_told(hub):
    whole = (hub / "model.safetensors").read_bytes()
    (hub / "model.safetensors").write_bytes(whole[:-200])
    with pytest.raises(BrokenFile, match="truncated or corrupt"):
        labkit.load(hub)
    from safetensors.torch import load, save

    tensors = load(whole)
    tensors.pop("model.layers.0.mlp.up_proj.weight")
    (hub / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
    with pytest.raises(BrokenFile, match="lack 1 tensors"):
        labkit.load(hub)
    (hub / "model.safetensors").unlink()
    with pytest.raises(BrokenFile, match="offers no safetensors"):
        labkit.load(hub)
    (hub / "config.json").write_text("{")
    with pytest.raises(BrokenFile, match=r"config\.json is damaged"):
        labkit.load(hub)
    (hub / "config.json").unlink()
    with pytest.raises(BrokenFile, match=r"config\.json is missing"):
        labkit.load(hub)


# Names.


@pytest.mark.parametrize("name", ["lab/tyo", "lab/toys", "./lab/toy/", "no such place/x", "weights.pt"])
def test_unknown_names_suggest_the_nearest(shipped, name):
    with pytest.raises(UnknownName, match="lab/toy"):
        labkit.load(name)


def test_without_network_a_shipped_model_is_offered(shipped, monkeypatch):
    import socket

    def no_network(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", no_network)
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(NotAvailable, match=r'labkit\.load\("lab/toy"\) can stand in'):
        labkit.load("nobody/no-such-model-here")
    assert nearest("tokenformer/sorce", ["blt/story", "lab/tiny", "tokenformer/source"]) == "tokenformer/source"
    assert nearest("nobody/at-all", ["blt/story", "lab/tiny"]) == "lab/tiny"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda h: labkit.load(""), "no name of a model"),
        (lambda h: labkit.load(None), "no name of a model"),
        (lambda h: h.encode(""), "empty"),
        (lambda h: h.encode(" \n"), "empty"),
        (lambda h: h.encode(3), "no text"),
        (lambda h: h.encode_batch("one"), "list of texts"),
        (lambda h: h.generate("Mei " * 300), "302 tokens long"),
        (lambda h: zoo.module_of("lab/toy"), "labkit.load"),
        (lambda h: zoo.module_of(None), "is no model"),
    ],
)
def test_bad_calls_say_what_was_expected(shipped, call, says):
    with pytest.raises(BadInput, match=says):
        call(labkit.load("lab/toy"))


def test_module_of_a_module_is_itself():
    module = nn.Linear(1, 1)
    assert zoo.module_of(module) is module


# Shipping.


def test_shipping_needs_a_finished_run(run, data, tmp_path):
    with pytest.raises(BrokenFile, match="holds no run"):
        zoo.ship(tmp_path)
    half = shutil.copytree(run.folder, tmp_path / "half")
    lines = (half / "log.jsonl").read_text().splitlines(keepends=True)
    (half / "log.jsonl").write_text("".join(lines[:-1]))
    with pytest.raises(BadInput, match="did not finish"):
        zoo.ship(half)
    assert not (data / "models").exists()


def test_a_failing_measurement_ships_nothing(run, data):
    with pytest.raises(ZeroDivisionError):
        zoo.ship(run.folder, measure=lambda handle: 1 / 0)
    assert not (data / "models").exists()


def test_shipping_again_replaces_one_entry(run, shipped):
    zoo.ship(run.folder, name="lab/other")
    zoo.ship(run.folder, defects=["Still nothing."])
    assert [entry["name"] for entry in zoo.models()] == ["lab/other", "lab/toy"]
    card = labkit.load("lab/toy").card
    assert card["defects"] == ["Still nothing."]
    assert (card["seed"], card["lr"]) == (run.seed, run.recipe.lr), "a run may have another rate than its recipe"
    assert toml.read(shipped / "card.toml")["name"] == "lab/toy"


def test_what_this_checkout_ships_is_whole():
    for entry in zoo.models():
        assert entry["ok"], entry["problem"]
        assert entry["params"] <= 7_000_000
        card = entry["card"]
        of_a_paper = not entry["name"].startswith(("lab/base", "lab/deep", "lab/planted", "lab/tiny", "depth/"))
        assert card.get("world", world.VERSION) == world.VERSION and ("world" in card or of_a_paper)
        assert card["about"] and (card["lr"] > 0 if "lr" in card else of_a_paper)
