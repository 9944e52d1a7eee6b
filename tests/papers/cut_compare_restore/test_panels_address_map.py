"""The address map: every address of every family has a place, a shape and words, and no model is ever run."""

from typing import Any

import pytest
from families import each_family, make
from matplotlib.colors import to_rgb

import labkit
from labkit.anatomy import anatomy_of, view
from labkit.base.errors import BadInput
from labkit.figures import new_figure, png
from labkit.papers.cut_compare_restore.panels.address_map import AddressMap


@each_family
def test_every_weight_of_every_family_can_be_found_and_the_counts_add_up(family):
    model = make(family, depth=3)
    model.register_forward_pre_hook(lambda *args: pytest.fail("the model was run"))
    panel, anatomy = AddressMap(model), anatomy_of(model)
    for part in panel.parts:
        for piece in ("all", "row", "column", "number"):
            data = panel.compute(panel.State(part, 1, piece))
            assert list(data.shape) == list(view(model, data.address.split("[")[0]).shape)
            seen = view(model, data.address).read()
            assert data.numbers == seen.numel() and (data.value is None) == (data.numbers > 1)
            assert data.value is None or data.value == pytest.approx(float(seen))
            said = panel.sentence(data)
            assert said.startswith(data.address) and f"{data.numbers:,} number" in said.replace("one ", "1 ")
    whole = [panel.compute(panel.State(part, 1, "all")) for part in panel.parts]
    assert sum(one.share for one in whole if not one.shared) <= 1
    stored = sum(p.numel() for name, p in model.named_parameters() if not name.endswith("bias"))
    assert panel.total == stored + sum(p.numel() for n, p in model.named_parameters() if n.endswith("bias"))
    assert set(panel.parts) <= {name.split(".", 2)[-1] for name in anatomy.addresses()}


def test_a_row_is_an_output_a_column_an_input_and_the_picture_marks_it():
    panel = AddressMap(make("labkit", depth=3))
    panel.set(part="mlp.down", layer=1, piece="row")
    assert panel.data.address == "layers.1.mlp.down[7, :]" and panel.data.numbers == 12  # eight channels: the last one
    assert "channel 7 of the stream" in panel.shown.sentence
    panel.set(piece="column")
    assert panel.data.address == "layers.1.mlp.down[:, 7]" and "neuron 7" in panel.shown.sentence
    panel.set(piece="number")
    assert panel.data.address == "layers.1.mlp.down[7, 7]"
    assert "between neuron 7 and channel 7" in panel.shown.sentence
    assert panel.picture(panel.data).chosen == panel.data.address
    panel.set(part="mlp_norm")
    assert panel.data.address == "layers.1.mlp_norm[7]" and "factor on channel 7" in panel.shown.sentence
    panel.set(part="embed", piece="all")
    assert panel.data.address == "embed" and "serve as head" in panel.shown.sentence
    assert "layers.1" not in str(panel.shown.data.around) and "out × in" in str(panel.table(panel.data))
    figure = new_figure(panel.size)
    panel.draw(panel.data, figure)
    assert len(png(figure)) > 10_000


def test_code_runs_and_gives_what_is_shown(monkeypatch):
    model = make("labkit", depth=3)
    panel = AddressMap(model)
    monkeypatch.setattr(labkit, "load", lambda name: model)
    panel.set(part="attn.q", layer=2, piece="row")
    names: dict[str, Any] = {}
    exec(panel.code(panel.state), names)
    assert names["numbers"] == panel.data.numbers


@pytest.mark.parametrize("changes", [{"part": "mlp.middle"}, {"layer": 3}, {"piece": "half"}, {"layer": 1.5}])
def test_places_that_are_none_are_refused(changes):
    with pytest.raises(BadInput):
        AddressMap(make("labkit", depth=3)).set(**changes)


@pytest.mark.parametrize(
    ("piece", "extent"), [("all", (352, 128)), ("row", (352, 0)), ("column", (0, 128)), ("number", (0, 0))]
)
def test_what_an_address_means_of_a_matrix_is_drawn_to_scale(piece, extent):
    from labkit.papers.cut_compare_restore.figures.matrix import CHOSEN, LONG, paint

    panel = AddressMap("lab/tiny")
    panel.set(part="mlp.down", layer=3, piece=piece)
    figure = new_figure(panel.size)
    paint(panel.data, figure)
    yellow = [p for p in figure.axes[0].patches if p.get_facecolor()[:3] == pytest.approx(to_rgb(CHOSEN), abs=1e-3)]
    assert len(yellow) == 1
    for side, wanted in zip((yellow[0].get_width(), yellow[0].get_height()), extent):
        assert side == pytest.approx(max(0.07, LONG * wanted / 352), abs=0.01)
