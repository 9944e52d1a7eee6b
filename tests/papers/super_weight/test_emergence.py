"""A weight followed through a run's checkpoints: the loudest is found, its cost is the ablation's, and it is kept."""

import json

import pytest

from labkit import world, zoo
from labkit.anatomy import record, view
from labkit.base.errors import BadInput, BrokenFile
from labkit.cli.entry import main
from labkit.figures import describe, draw
from labkit.figures.output import png
from labkit.interventions import SetWeight, ZeroWeight, apply, edit
from labkit.measurements import loss, perplexity_ratio
from labkit.models import DecoderConfig, load, save
from labkit.papers.super_weight import emergence
from labkit.papers.super_weight.experiments.emergence import Emergence, emergence_path

LOUD = "layers.1.mlp.down[3, 5]"


@pytest.fixture(scope="module")
def texts():
    return [story.text for story in world.documents("stories", 4, seed=3, split="test")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, texts):
    """A run that kept a random model, and one in which a weight had grown by the end."""
    folder = tmp_path_factory.mktemp("run")
    vocab = world.tokenizer().vocab_size
    young = DecoderConfig(vocab=vocab, width=16, depth=4, heads=2, ffn=24, context=320, init_std=0.3).build(4).eval()
    handle = zoo.Handle("young", young, world.tokenizer())
    x_LF = record(handle, handle.encode(texts[0]), ["layers.1.mlp.neurons"])["layers.1.mlp.neurons"][0]
    grown = apply(handle, SetWeight(LOUD, 500.0 / float(x_LF[:, 5].abs().max()))).model
    save(young, folder / "steps" / "000050")
    save(grown, folder / "final")
    return folder


@pytest.fixture(scope="module")
def found(run, texts):
    return emergence(run, texts, model="lab/toy", nulls=1)


def test_the_grown_weight_is_found_where_it_has_grown(found):
    assert [one.name for one in found.moments] == ["step 50", "end"]
    young, grown = found.moments
    assert grown.address == LOUD and grown.named and not young.named
    assert grown.spike == pytest.approx(500, rel=0.05) and young.spike < 50
    assert found.nulls == 3 and found.documents == 3


def test_what_it_costs_is_what_an_ablation_says(run, texts, found):
    for one, place in zip(found.moments, ("steps/000050", "final")):
        handle = zoo.Handle("again", load(run / place).eval(), world.tokenizer())
        intact = loss(handle, texts[1:])
        with edit(handle, ZeroWeight(one.address)):
            ratio = perplexity_ratio(loss(handle, texts[1:]), intact)
        assert one.ratio.value == pytest.approx(ratio.value, rel=1e-6)
        assert one.loss == pytest.approx(intact.value, rel=1e-6)
        assert float(view(handle, one.address).read()) != 0


def test_it_is_kept_read_drawn_and_told(found, tmp_path):
    found.save(tmp_path / "kept.json")
    again = Emergence.load(tmp_path / "kept.json")
    assert again == found
    assert LOUD in found.table() and "named" in found.table()
    figure = draw(again)
    assert len(png(figure)) > 5000
    (weights,) = (line for line in figure.axes[1].lines if line.get_label() == "this weight")
    assert list(weights.get_ydata()) == pytest.approx([100 * (one.ratio.value - 1) for one in found.moments])
    assert describe(again)[0].isupper() and "never" not in describe(again) and "at the end" in describe(again)
    (tmp_path / "kept.json").write_text(json.dumps({"format": "another"}))
    with pytest.raises(BrokenFile, match="holds no Emergence"):
        Emergence.load(tmp_path / "kept.json")


def test_what_comes_with_the_course_can_be_read():
    shipped = Emergence.load()
    assert shipped.documents >= 16 and len(shipped.moments) >= 8 and shipped.moments[-1].name == "end"
    assert emergence_path().stat().st_size < 100_000


def test_a_folder_without_checkpoints_is_told(tmp_path, texts, capsys):
    with pytest.raises(BadInput, match="keeps no checkpoint"):
        emergence(tmp_path, texts)
    assert main(["sweep", "emergence"]) != 0
    assert "--folder" in capsys.readouterr().err
