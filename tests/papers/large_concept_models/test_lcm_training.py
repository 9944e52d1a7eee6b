"""Training: seeds decide everything, what is there is not trained again, and the codec's encoder stays when tuned."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from labkit.base.errors import BadInput, NotAvailable, UnknownName
from labkit.papers.large_concept_models import training
from labkit.papers.large_concept_models.method.codec import CodecConfig
from labkit.papers.large_concept_models.method.store import load_space


@pytest.fixture
def short(monkeypatch):
    for name, table in (("ARMS", training.ARMS), ("CODECS", training.CODECS)):
        few = {
            key: replace(arm, steps=3, batch=8, books=(2, 8) if arm.books[0] else (0, 0)) for key, arm in table.items()
        }
        monkeypatch.setattr(training, name, few)


def test_arms_train_reproducibly(short):
    space = load_space("aligned")
    before = torch.get_rng_state()
    for arm in ("base", "two-tower", "one-tower", "quant-d", "quant-c", "token"):
        (a, first), (b, _), (c, _) = (training.train(arm, space, seed) for seed in (1, 1, 2))
        assert len(first.loss) == 3 and not first.diverged
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters())), arm
        assert not all(torch.equal(p, q) for p, q in zip(a.parameters(), c.parameters())), arm
    assert torch.equal(torch.get_rng_state(), before)  # no seed is global


def test_a_run_is_kept_and_not_made_again(short, tmp_path, capsys):
    where = ["--folder", str(tmp_path), "--seeds", "3"]
    training.main(["aligned", "--folder", str(tmp_path)])
    training.main(["base", *where])
    path = training.path_of("base", 3, training.ARMS["base"].lr, tmp_path)
    before = path.stat().st_mtime_ns
    training.main(["base", *where])
    assert path.stat().st_mtime_ns == before
    assert training.load_run("base", 3, folder=tmp_path).config.kind == "base"
    with pytest.raises(NotAvailable, match="not there"):
        training.load_run("base", 4, folder=tmp_path)
    training.main(["token long", *where])  # words need no space, and are kept as a folder
    assert training.load_run("token long", 3, folder=tmp_path).config.width == training.TOKEN.width


def test_tuning_leaves_the_encoder_alone(short):
    codec = CodecConfig(width=16, depth=1, heads=2, ffn=16, concept=8).build(0)
    before = deepcopy(codec.state_dict())
    training.tune_decoder(codec, steps=2)
    moved = {name for name, x in codec.state_dict().items() if not torch.equal(x, before[name])}
    assert moved and not any(name.startswith(("encoder", "read_", "to_concept", "standard")) for name in moved)


def test_bad_names_are_refused():
    with pytest.raises(UnknownName):
        training.train("three-tower", None, 0)
    with pytest.raises(BadInput, match="space"):
        training.train("base", None, 0)
    with pytest.raises(UnknownName):
        training.train_codec("crooked")
