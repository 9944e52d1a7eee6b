"""The pictures of lesson 01's results: each is drawn, and its sentence says its numbers."""

import pytest
import torch
from families import ids_of, make

from labkit.figures import describe, draw
from labkit.figures.output import png
from labkit.papers.super_weight.method.ablation import ablate, dose_curve
from labkit.papers.super_weight.method.activation import restore_curve, super_activation
from labkit.papers.super_weight.method.profile import spike_profile

ADDRESS = "layers.1.mlp.down[3, 5]"


@pytest.fixture(scope="module")
def results():
    model, documents = make("labkit", depth=4), [ids_of(9, seed=seed)[0].tolist() for seed in range(4)]
    found = {
        "profile": spike_profile(model, documents[0]),
        "activation": super_activation(model, ADDRESS, documents[0]),
        "ablation": ablate(model, [ADDRESS, "layers.1.mlp.down[0, 1]"], documents, nulls=2),
        "doses": dose_curve(model, [ADDRESS], documents, (-1, 0, 1)),
    }
    for column in range(12):  # a weight that costs something to lose
        try:
            found["restored"] = restore_curve(model, f"layers.1.mlp.down[3, {column}]", documents, (0, 1, -1))
            break
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("name", ["profile", "activation", "ablation", "doses", "restored"])
def test_each_is_drawn_and_told(results, name):
    result = results[name]
    assert len(png(draw(result))) > 3000
    said = describe(result)
    assert said.endswith(".") and "nan" not in said and len(said.split()) > 8


def test_the_sentence_of_an_ablation_names_the_worst_and_the_worst_null(results):
    trial = results["ablation"]
    said = describe(trial)
    assert f"of {len(trial.nulls)} nulls" in said
    assert "together" in said or ADDRESS in said or "[0, 1]" in said or "[:, " in said


def test_every_cut_and_every_null_has_its_point(results):
    trial = results["ablation"]
    (ax,) = draw(trial).axes
    points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    assert len(points) == len(trial.cuts)
    drawn = torch.tensor(sorted(float(line.get_xdata()[0]) for line in points))
    torch.testing.assert_close(drawn, torch.tensor(sorted(cut.ratio.value for cut in trial.cuts)))
    assert ax.get_xscale() == "log"
