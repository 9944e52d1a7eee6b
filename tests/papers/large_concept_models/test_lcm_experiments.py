"""The judges: the truth is judged true, chimeras are told from nonsense, and ideal models land where they must."""

import pytest
import torch

import labkit
from labkit.base.errors import BadInput, UnknownName
from labkit.figures import describe, draw, png
from labkit.papers.large_concept_models import task, training
from labkit.papers.large_concept_models.experiments.branching import by_futures
from labkit.papers.large_concept_models.experiments.codecs import check_codec, fragility
from labkit.papers.large_concept_models.experiments.costs import cost_of, crossover
from labkit.papers.large_concept_models.experiments.films import film
from labkit.papers.large_concept_models.experiments.information import mutual_information, token_quality
from labkit.papers.large_concept_models.experiments.mixing import mix
from labkit.papers.large_concept_models.experiments.plane import PLANE, learn_plane
from labkit.papers.large_concept_models.experiments.quality import (
    exact_answers,
    judge_concepts,
    judge_pieces,
    quality_of,
    test_events,
)
from labkit.papers.large_concept_models.method.codec import CodecConfig
from labkit.papers.large_concept_models.method.models import ConceptConfig
from labkit.papers.large_concept_models.method.space import ConceptSpace
from labkit.papers.large_concept_models.method.store import load_space

test_events.__test__ = False  # a function of the lesson, not a test


@pytest.fixture(scope="module")
def space():
    codec = CodecConfig(width=16, depth=1, heads=2, ffn=16, concept=8).build(0)
    with torch.no_grad():
        codec.encode_pieces(task.tokens(task.all_events()[::7], 0))
    return ConceptSpace.fit(codec.eval())


@pytest.fixture(scope="module")
def events():
    return test_events(10)


def said(events, sentences_by_draw):
    return torch.stack([task.tokens(one, 0) for one in sentences_by_draw], dim=1)


def test_the_truth_is_judged_true(events):
    g = torch.Generator().manual_seed(0)
    draws = [task.continue_with(events, task.draw_future(events, g)) for _ in range(60)]
    quality = judge_pieces(events, said(events, draws))
    assert quality.of("possible").value == 1 and quality.of("chimera").value == 0
    assert quality.of("total_variation").value < 0.12
    assert quality.frequencies("lost") == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.06)
    assert quality.frequencies("sold") == [1, 0, 0, 0]
    assert "lost (4)" in str(quality.table())
    with pytest.raises(UnknownName):
        quality.of("beauty")


def test_one_fixed_future_is_possible_and_covers_a_share(events):
    quality = judge_pieces(events, said(events, [task.futures(events)[0]] * 4))
    assert quality.of("possible").value == 1
    assert quality.of("total_variation", "found").value == pytest.approx(0.5)
    assert quality.of("covered", "lost").value == pytest.approx(0.25)
    last = judge_pieces(events, said(events, [task.futures(events)[3]] * 4))  # which only *lost* allows
    assert [last.of("possible", verb).value for verb in task.EVENTS] == [0, 0, 0, 1]


def test_a_chimera_is_neither_possible_nor_nonsense(events):
    first, second = task.futures(events)[:2]
    slots = first.slots_NS.clone()
    slots[:, 2] = second.slots_NS[:, 2]  # the place of one, mood and vehicle of the other
    quality = judge_pieces(events, said(events, [task.Sentences(first.kind_N, slots)]))
    assert [quality.of("chimera", verb).value for verb in task.EVENTS] == [0, 1, 1, 1]
    assert quality.of("possible").value == 0
    stranger = slots.clone()
    stranger[:, 0] = (stranger[:, 0] + 1) % 12
    quality = judge_pieces(events, said(events, [task.Sentences(first.kind_N, stranger)]))
    assert quality.of("chimera").value == 0 and quality.of("possible").value == 0
    nothing = judge_pieces(events, torch.full((len(events), 3, task.LENGTH), 7))
    assert nothing.of("total_variation").value == 1


def test_vectors_of_the_truth_and_of_the_mean(space, events):
    ideal = exact_answers(space, events, 40, seed=3)
    truth = judge_concepts(space, events, ideal["truth"], seed=3)  # the same draws
    assert truth.of("l2").value == pytest.approx(0, abs=1e-4)
    assert truth.of("contrastive").value > 0.97  # some events share a future
    assert truth.of("to_context").value == pytest.approx(truth.of("truth_to_context").value)
    drawn, mean = (judge_concepts(space, events, z, seed=4) for z in ideal.values())
    for verb in ("found", "lent", "lost"):
        assert drawn.of("square", verb).value / mean.of("square", verb).value == pytest.approx(2, rel=0.25)
    assert mean.of("norm", "lost").value < 0.9 * mean.of("truth_norm", "lost").value
    noise = torch.randn(len(events), 4, 8, generator=torch.Generator().manual_seed(0))
    assert judge_concepts(space, events, noise).of("contrastive").value == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("kind", ["base", "two-tower", "one-tower"])
def test_quality_of_any_model(kind, space, events):
    model = ConceptConfig(kind=kind, concept=8, width=16, heads=2, ffn=16).build(0).eval()
    quality = quality_of(model, space, events[:4], draws=3, language_in="German", language_out="German")
    assert len(quality.kinds) == 4 and 0 <= quality.of("possible").value <= 1
    assert (
        quality.by_event
        == quality_of(model, space, events[:4], draws=3, language_in="German", language_out="German").by_event
    )


def test_the_film(space):
    model = ConceptConfig(kind="two-tower", concept=8, width=16, heads=2, ffn=16).build(0).eval()
    seen = film(model, space, "Ilo lost the kettle on Sable .", draws=6)
    assert len(seen.t) == len(seen.texts) == len(seen.norm) == 20 and len(seen.futures) == 4
    assert 0 <= seen.total_variation <= 1 and "step" in str(seen.table())
    with pytest.raises(BadInput, match="text ends"):
        film(model, space, "Gladly Ilo took the ferry to Wick .")


def test_mixing(space):
    mixed = mix(space, "Gladly Ilo took the ferry to Tern .", "Sadly Ilo took the boat to Lull .")
    ends = space.encode_texts(["Gladly Ilo took the ferry to Tern .", "Sadly Ilo took the boat to Lull ."])
    assert mixed.differ == 3 and len(mixed.texts) == 5
    assert mixed.norms[2] == pytest.approx(float(ends.mean(0).norm() / ends.norm(dim=1).mean()), rel=1e-4)
    assert (mixed.norms[0] + mixed.norms[4]) / 2 == pytest.approx(1, rel=1e-4)  # told over the mean of the ends


def test_codec_checks_run_and_noise_helps_nobody(space):
    check = check_codec(space.codec, n=20)
    assert not check.passes and set(check.exact) == {f"{a} → {b}" for a in task.LANGUAGES for b in task.LANGUAGES}
    broken = fragility(space.codec, n=10)
    assert len(broken.score) == 10 and all(-1 <= score <= 0 for score in broken.score)


def test_the_token_model_writes_and_judges(events):
    model = training.TOKEN.build(0).eval()
    quality = token_quality(model, events[:4], draws=2)
    assert quality.draws == 2 and len(quality.kinds) == 4
    pieces = said(events[:4], [task.futures(events[:4])[0]])
    information = mutual_information(model, events[:4], pieces)
    assert len(information) == 4 and all(abs(x) < 2 for x in information)


def test_story_pieces_hold_both_sentences(events):
    ids = training.story_pieces(events, task.futures(events)[0])
    words = task.tokenizer().decode(p for p in ids[0].tolist() if p != task.PAD)
    assert words == f"{task.write(events)[0]} {task.write(task.futures(events)[0])[0]}"
    alone = training._without_event(ids)
    assert (
        task.tokenizer().decode(p for p in alone[0].tolist() if p != task.PAD) == task.write(task.futures(events)[0])[0]
    )


def test_costs_add_up_and_long_contexts_turn_the_tables():
    sizes = {
        "pieces": 20, "encoder": 1e6, "context": 4e6, "denoiser": 6e6, "decoder": 1e6, "token": 1e7,
        "token_width": 256, "token_depth": 8,
    }  # fmt: skip
    cost = cost_of(sentences=10, steps=40, **sizes)
    assert cost.parts["denoiser"] == 6e6 * 40 * 2 and cost.concept == sum(cost.parts.values())
    assert cost_of(sentences=1000, **sizes).ratio < cost.ratio
    first = crossover(**sizes)
    assert cost_of(sentences=first, **sizes).ratio < 1 <= cost_of(sentences=first - 1, **sizes).ratio
    assert crossover(limit=first - 1, **sizes) is None
    with pytest.raises(BadInput):
        cost_of(sentences=0, **sizes)


def test_the_judge_of_information_tells_a_context_from_others(events):
    """A judge that has learned one thing: who is named in the first sentence is named in the second."""

    class Names(torch.nn.Module):
        def forward(self, ids_BL):
            names = task.tokenizer().encode(" ".join(task.NAMES))
            logits = torch.zeros(*ids_BL.shape, task.tokenizer().vocab_size)
            said_BN = torch.stack([ids_BL[:, 1] == name for name in names], dim=1)  # begin, name, verb
            logits[..., names] += said_BN[:, None].float()
            return type("Output", (), {"logits": logits})

    pieces = said(events, [task.futures(events)[0]])
    others = (events.slots_NS[:, 0] != events.slots_NS[:, 0].roll(1)).tolist()
    true, shuffled = (mutual_information(Names(), one, pieces) for one in (events, events[torch.arange(40).roll(1)]))
    assert min(true) > 0 > max(x for x, other in zip(shuffled, others) if other)


def test_measures_at_their_ends():
    """The truth loses what the codec loses; a copy of the context is as like it as can be; perfect draws cost √2."""
    space, events = load_space("aligned"), test_events(10)
    truth = exact_answers(space, events, 4, seed=3)["truth"]
    quality = judge_concepts(space, events, truth, seed=3)
    lost = (space.again(truth.flatten(0, 1)) - truth.flatten(0, 1)).norm(dim=1).view(40, 4).mean(1)
    assert quality.by_event["l2_again"] == pytest.approx(lost.tolist(), abs=1e-4)
    copied = judge_concepts(space, events, space.encode(events)[:, None])
    assert copied.of("to_context").value == pytest.approx(1, abs=1e-5)
    guess, draw, world = (
        exact_answers(space, events, 400, seed)[k] for k, seed in (("mean", 0), ("truth", 1), ("truth", 2))
    )
    assert float((draw - world).pow(2).mean() / (guess - world).pow(2).mean()) == pytest.approx(2, rel=0.03)


def test_in_the_plane_regression_lands_between_and_samples_on_the_futures():
    plane = learn_plane(steps=500, draws=200)
    for context in ("two futures", "four futures"):
        points, p = (torch.tensor(x) for x in PLANE[context])
        spread = float((p @ (points - p @ points).pow(2)).sum().sqrt())
        assert torch.allclose(torch.tensor(plane.guess[context]), p @ points, atol=0.05 * spread)
        guess, drawn = plane.from_nearest(context)
        assert guess > 2 * drawn
    assert sum(plane.shares("four futures")) == pytest.approx(1)


def test_the_arms_by_number_of_futures_are_those_of_the_rows():
    found = by_futures(("base", "two-tower"))
    lead = labkit.claims.assess(labkit.claims.ledger().claim("06.futures_4")).value
    assert found.of("possible", "Two-Tower")[4] - found.of("possible", "Base-LCM")[4] == pytest.approx(lead)
    assert {one.n for one in found.estimates["total_variation"]["Base-LCM"].values()} == {5}
    assert found.truth["possible"] == pytest.approx({1: 1, 2: 1, 4: 1}, abs=0.01)
    assert found.truth["total_variation"][1] < found.truth["total_variation"][2] < found.truth["total_variation"][4]
    assert "Two-Tower" in describe(found) and "Base-LCM" in str(found)
    figure = draw(found)
    assert len(png(figure)) > 5000 and [len(ax.patches) for ax in figure.axes] == [9, 9]  # two arms and the truth
