"""Lesson 01's exercises: short cuts are refused by name, unusual right ways taken, sealed models are what they are."""

import pytest
import torch

import labkit
from labkit.base.data import lessons_dir
from labkit.base.errors import UnknownName
from labkit.course import definition
from labkit.course.exercises import judge
from labkit.papers import super_weight as super_weights
from labkit.papers.super_weight.exercises.predictions import PREDICTIONS
from labkit.papers.super_weight.experiments.sealed import SEALED, sealed, seals, shuffle
from labkit.zoo.packaged import encoder_folder

LESSON = definition("01")
SOURCES = lessons_dir() / LESSON.name / "src"
needs_encoder = pytest.mark.skipif(encoder_folder() is None, reason="the encoder's package is not installed")


def in_a_loop(x_LF, w_DF):
    places = [(out, into) for out in range(w_DF.shape[0]) for into in range(w_DF.shape[1])]
    return max(places, key=lambda place: float((x_LF[:, place[1]] * w_DF[place]).abs().max()))


def by_numpy(x_LF, w_DF):
    import numpy as np

    written = np.abs(x_LF.numpy()[:, None] * w_DF.numpy()).max(0)
    return np.unravel_index(written.argmax(), written.shape)


def by_new_matrices(model, layer, neuron, factor):
    mlp = model.trunk.blocks[layer].mlp.mixer
    scale = torch.ones(mlp.up.weight.shape[0])
    scale[neuron] = factor
    mlp.up.weight = torch.nn.Parameter(mlp.up.weight / scale[:, None])
    mlp.down.weight = torch.nn.Parameter(mlp.down.weight * scale)


def in_two_steps(model, layer, neuron, factor):
    for _ in range(2):
        LESSON.exercise("01.3").answer(model, layer, neuron, factor**0.5)


def by_rounding_it_again(quantise):
    values = torch.cat([torch.randn(48), 30 * torch.rand(7)])
    rounded = []
    for part in values.split(8):
        step = (part.max() - part.min()) / 7
        rounded.append(part.min() + step * torch.round((part - part.min()) / step))
    return torch.allclose(quantise(values.clone(), 3, 8), torch.cat(rounded), atol=1e-4)


def by_distance_from_the_levels(quantise):
    import numpy as np

    values = torch.arange(35.0) ** 2 % 17
    for part, kept in zip(np.split(values.numpy(), range(10, 35, 10)), quantise(values, 2, 10).split(10)):
        levels = np.linspace(part.min(), part.max(), 4)
        nearest = np.abs(part[:, None] - levels).min(1)
        if not np.allclose(np.abs(part - kept.numpy()), nearest, atol=1e-4):
            return False
    return True


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("01.1", 0.82),
        ("01.1", "0.8226"),
        ("01.2", in_a_loop),
        ("01.2", by_numpy),
        ("01.3", by_new_matrices),
        ("01.3", in_two_steps),
        ("01.4", by_rounding_it_again),
        ("01.4", by_distance_from_the_levels),
        ("01.6", "da"),
        ("01.6", ["A", "D"]),
    ],
)
def test_an_unusual_right_answer_is_right(exercise, answer):
    assert judge(LESSON.exercise(exercise), answer).right


@needs_encoder
@pytest.mark.parametrize("answer", ["layers.1.mlp_norm[99]", ("layers.4.mlp.down[1, 2]", "layers.2.attn_norm[99]")])
def test_any_number_that_breaks_the_encoder_is_a_find(answer):
    assert judge(LESSON.exercise("01.5"), answer).right


def test_a_shuffled_model_says_the_same_under_other_addresses():
    handle = labkit.load("lab/tiny")
    ids = handle.encode("Hana met Nils. The lantern was with Hana.")[None]
    with torch.no_grad():
        before, weight = handle.model(ids).logits, handle.model.trunk.blocks[1].mlp.mixer.down.weight.clone()
        model = labkit.apply(handle).model
        shuffle(model, seed=1)
        assert torch.allclose(model(ids).logits, before, atol=1e-3)
        assert not torch.equal(model.trunk.blocks[1].mlp.mixer.down.weight, weight)


@pytest.mark.parametrize("letter", SEALED)
def test_the_sealed_models_are_what_the_key_says(letter):
    model = sealed(letter)
    stories = [story.text for story in labkit.world.documents("stories", 4, seed=11, split="test")]
    suspects = super_weights.find_super_weights(model, stories[0]).addresses
    assert suspects  # the detector names somebody in each of them
    trial = super_weights.ablate(model, suspects[:2], stories, nulls=1, neurons=False)
    alone = [cut.ratio.value for cut in trial.tried if cut.kind == "single"]
    assert (max(alone) > 3) == seals()[letter]
    if letter == "B":
        assert max(alone) < 1.05 and next(cut for cut in trial.tried if cut.kind == "joint").ratio.value > 3


def test_the_loud_sealed_model_is_none_of_the_lesson():
    loud, met = sealed("C"), [labkit.load(name) for name in ("lab/planted", "lab/deep", "lab/base")]
    assert loud.model.config.depth not in {one.model.config.depth for one in met}
    ids = torch.atleast_2d(loud.encode("The ferry was late."))
    with torch.no_grad():
        known = labkit.load("depth/pre").model(ids).logits
        assert torch.allclose(loud.model(ids).logits, known, atol=1e-3)


def test_the_length_of_a_value_at_the_sink_is_told_in_three_kinds():
    (asked,) = (one for one in PREDICTIONS if one.id == "d4")
    assert [asked.answer(times) for times in (0.4, 1.0, 6.9)] == [0, 1, 2]


def test_there_is_no_fifth_sealed_model():
    with pytest.raises(UnknownName):
        sealed("E")
