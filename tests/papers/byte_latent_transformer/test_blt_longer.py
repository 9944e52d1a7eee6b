"""The longer runs: where they are kept, what is asked of them, and that what was not trained is named."""

import json

import pytest
import torch

from labkit.base.errors import NotAvailable
from labkit.papers.byte_latent_transformer import claims
from labkit.papers.byte_latent_transformer.experiments import noise
from labkit.papers.byte_latent_transformer.training import studies
from labkit.training import Runs


@pytest.fixture
def table(tmp_path, monkeypatch):
    path = tmp_path / "noise.jsonl"
    monkeypatch.setattr(noise, "noise_runs", lambda: Runs(path))
    noised = {name: {"prompt": 0.3, "completion": 0.2, "both": 0.1} for name in ("AntSpeak", "Drop")}
    for arm, intact, letters in (("entropy", 0.5, 0.75), ("bpe", 0.75, 0.25)):
        found = {"intact": intact, "noised": noised, "seen": 1.0, "held_out": letters}
        settings = {"arm": arm, "seed": 90, "steps": studies.LONGER_STEPS}
        with path.open("a") as file:
            file.write(json.dumps({"settings": settings, "found": found}) + "\n")
    return path


def test_the_longer_rows_are_read_apart_from_the_others(table):
    ask = {"n": 1, "seeds": [90], "first": "entropy", "second": "bpe"}
    assert claims.longer_difference(measure="drop", **ask).values == pytest.approx((-0.25,))
    assert claims.longer_difference(measure="held_out", **ask).values == pytest.approx((0.5,))
    with pytest.raises(NotAvailable, match="480 steps"):
        noise.longer_noise_of("entropy", 91)
    with pytest.raises(NotAvailable):
        noise.noise_of("entropy", 90)  # no run of 140 steps


def test_a_longer_run_keeps_its_weights(tmp_path, monkeypatch):
    rows = studies.byte_rows(["Uma took the ferry.", "The lantern was with Uma.", "It rained.", "It rained again."])
    monkeypatch.setattr(studies, "CACHE", tmp_path)
    monkeypatch.setattr(studies, "LONGER_STEPS", 20)
    monkeypatch.setattr(studies, "prepared", lambda name: (rows, None))
    monkeypatch.setattr(studies, "unseen", lambda name, split: (rows, None))
    found = studies.longer("flat", 6e-3, 3)
    assert found["steps"] == 20 and found["test"] < 6
    monkeypatch.setattr(studies, "rate_of", lambda study, arm: 6e-3)
    model = studies.trained_longer("flat", 3)
    assert studies.bits(model, (rows, None)) == pytest.approx(found["test"], abs=1e-4)
    with pytest.raises(NotAvailable, match="seed 4"):
        studies.trained_longer("flat", 4)
    fresh = studies.ARMS["flat"].config.build(3)
    assert not all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters()))
