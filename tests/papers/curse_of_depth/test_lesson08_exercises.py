"""Lesson 08's exercises: the right answer is right, each wrong one is told what it thought, and nothing else passes."""

import copy
import random
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

import labkit
from labkit import measurements, world
from labkit.anatomy import fingerprint
from labkit.course.exercises import judge
from labkit.measurements import mean_over
from labkit.papers.curse_of_depth.exercises import deeper as lesson08_deeper
from labkit.papers.curse_of_depth.exercises import hour as lesson08_hour
from labkit.papers.curse_of_depth.exercises import norm_hunt
from labkit.papers.curse_of_depth.exercises import seeds as lesson08_seeds
from labkit.papers.curse_of_depth.exercises import switch as lesson08_switch

EVERY = {one.id: one for one in (*lesson08_hour.EXERCISES, *lesson08_deeper.EXERCISES)}


def test_every_objective_is_served_in_its_notebook():
    for module, deeper in ((lesson08_hour, False), (lesson08_deeper, True)):
        assert {one.objective for one in module.EXERCISES} == set(module.OBJECTIVES)
        assert all(one.deeper is deeper for one in module.EXERCISES)
    assert len(lesson08_hour.EXERCISES) == 3 and sum(one.minutes for one in lesson08_hour.EXERCISES) <= 15


def by_hand(factor, remove=True):
    """Return the stub of 08.2 with its two lines filled in by a learner."""

    def scaled(model, ids, p):
        handles = []
        for layer, block in enumerate(model.trunk.blocks):
            for branch in block.branches:

                def times(module, inputs, output, layer=layer):
                    return factor(layer, p) * output

                handles.append(branch.norm.register_forward_hook(times))
        logits = model(ids).logits
        for handle in handles if remove else ():
            handle.remove()
        return logits

    return scaled


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (by_hand(lambda layer, p: (layer + 1) ** -p), "One factor a block"),
        (by_hand(lambda layer, p: 1.0), "nothing was switched"),
        (by_hand(lambda layer, p: (layer + 1) ** p), "grows with depth"),
        (by_hand(lambda layer, p: (layer + 1) ** -0.5), "p is not used"),
        (by_hand(lambda layer, p: (layer + 2) ** -p), "counted from 1"),
        (by_hand(lambda layer, p: (layer + 1) ** -p, remove=False), "still in it"),
        (by_hand(lambda layer, p: 0.5), "other logits"),
        (by_hand(lambda layer, p: layer**-p), "number 0"),
    ],
)
def test_a_switch_by_hand(answer, told):
    outcome = judge(EVERY["08.7"], answer)
    assert told in outcome.message and outcome.right == (told == "One factor a block")


def test_a_switch_by_hand_may_be_written_otherwise_and_must_be_written():
    def gains(model, ids, p):
        """No hook: the gains are changed, and put back."""
        norms = [(b.norm, l) for l, block in enumerate(model.trunk.blocks) for b in block.branches]
        saved = [norm.weight.detach().clone() for norm, _ in norms]
        for norm, layer in norms:
            norm.weight.data *= (layer + 1) ** -p
        logits = model(ids).logits
        for (norm, _), weight in zip(norms, saved):
            norm.weight.data.copy_(weight)
        return logits

    def on_a_copy(model, ids, p):
        return by_hand(lambda layer, p: (layer + 1) ** -p, remove=False)(copy.deepcopy(model), ids, p)

    def by_labkit(model, ids, p):
        with labkit.edit(model, labkit.SwitchLayerNormScaling(p=p)):
            return model(ids).logits

    assert judge(EVERY["08.7"], gains).right and judge(EVERY["08.7"], on_a_copy).right
    assert "labkit did it" in judge(EVERY["08.7"], by_labkit).message
    table = (1, 2**-0.7, 3**-0.7, 4**-0.7)  # right for one p and one depth
    assert not judge(EVERY["08.7"], by_hand(lambda layer, p: table[layer % 4])).right
    assert judge(EVERY["08.7"], by_hand(lambda layer, p: ...)).status == "not attempted"


def test_a_model_left_scaled_is_nobody_else_s_model():
    before = fingerprint(lesson08_switch._decoder(3, 4))
    judge(EVERY["08.7"], lesson08_switch._scaled_and_left)
    assert fingerprint(lesson08_switch._decoder(3, 4)) == before


def test_twelve_switches_are_what_lab_deep_gives():
    """As the solution measures it, on the hour's stories."""
    deep = labkit.load("lab/deep")
    stories = [story.text for story in world.documents("stories", 24, seed=81, split="test")]
    intact = measurements.loss(deep, stories).value
    singles = lesson08_hour.rises_alone(deep, stories)
    assert len(singles) == 12 and singles[0] == 0  # the first block's factor is 1
    assert (sum(singles), max(singles)) == pytest.approx((lesson08_hour.MLPS[0], lesson08_hour.LARGEST), rel=5e-3)
    for position, (_, together) in {
        "mlp": lesson08_hour.MLPS,
        "attention": lesson08_hour.ATTENTIONS,
        "after-norm": lesson08_hour.BOTH,
    }.items():
        with labkit.edit(deep, labkit.SwitchLayerNormScaling(position=position)):
            assert measurements.loss(deep, stories).value - intact == pytest.approx(together, rel=5e-3)
    assert judge(EVERY["08.2"], 35).right and judge(EVERY["08.2"], 34.9).right


@pytest.mark.parametrize(
    ("page", "begins", "solved"),
    [
        ("", "def judge(first, second):", "def judge(first, second):"),
        ("_deeper", "def scaled(model, ids, p):", "def scaled(model, ids, p):"),
        ("_deeper", "def judge(make):", "def judge_maker(make):"),
    ],
)
def test_a_stub_is_its_solution_without_some_lines(page, begins, solved):
    """What a learner finds in place stands in the solution, in the same order."""
    folder = Path(__file__).parents[3] / "lessons" / "08_curse_of_depth" / "src"

    def body(path, first):
        text = path.read_text(encoding="utf-8")
        lines = text[text.index(first) :].split("\n\n\n")[0].splitlines()[1:]
        return [line for line in lines if line.strip()]

    stub = body(folder / f"08_curse_of_depth{page}.py", begins)
    solution = iter(body(folder / "08_curse_of_depth_solutions.py", solved))
    kept = [line.split(" = ...")[0] for line in stub if line.strip() not in ("...", "return ...")]
    assert len(kept) < len(stub) or any("= ..." in line for line in stub)
    assert all(any(line.startswith(part) for line in solution) for part in kept)


def test_rounded_numbers_are_right():
    for exercise, answers in {"08.1": (0.11, 0.111), "08.5": (1, 1.0), "08.6": (4.0, 4.02, 4.024)}.items():
        for answer in answers:
            assert judge(EVERY[exercise], answer).right, (exercise, answer)


def test_our_judge_of_seeds_is_student_s_interval():
    draw = random.Random(0)
    for _ in range(300):
        base = [draw.gauss(1.5, 0.05) for _ in range(5)]
        other = [value + draw.gauss(draw.choice([-0.01, 0.0, 0.01]), 0.008) for value in base]
        found = mean_over([b - a for a, b in zip(base, other)], "seeds", method="t")
        expected = "second" if found.high < 0 else "first" if found.low > 0 else "neither"
        assert lesson08_seeds._judge(base, other) == expected


def test_a_reader_s_judge_with_the_standard_library_passes():
    def answer(first, second):
        gaps = [b - a for a, b in zip(first, second)]
        half = 2.776 * statistics.stdev(gaps) / 5**0.5
        if statistics.mean(gaps) + half < 0:
            return "second"
        return "first" if statistics.mean(gaps) - half > 0 else "neither"

    def with_numpy(first, second):
        gaps = np.subtract(second, first)
        low, high = (gaps.mean() + sign * 2.776 * gaps.std(ddof=1) / np.sqrt(5) for sign in (-1, 1))
        return ("neither", "second", "first")[(high < 0) + 2 * (low > 0)]

    assert judge(EVERY["08.3"], answer).right and judge(EVERY["08.3"], with_numpy).right
    assert "no verdict" in judge(EVERY["08.3"], lambda first, second: "lower").message
    turned = {"first": "second", "second": "first", "neither": "neither"}
    assert "lower is better" in judge(EVERY["08.3"], lambda a, b: turned[answer(a, b)]).message


def test_the_released_maker_gives_one_model_under_both_names_and_ours_gives_two():
    ids = torch.arange(12)[None]
    released, ours = norm_hunt.make_released, norm_hunt.make
    with torch.no_grad():
        assert torch.equal(released("LNS", 4)(ids).logits, released("pre", 4)(ids).logits)
        assert not torch.allclose(ours("LNS", 4)(ids).logits, ours("pre", 4)(ids).logits, atol=1e-3)
        assert torch.equal(ours("LNS", 1)(ids).logits, ours("pre", 1)(ids).logits)
    assert "nothing ever fails" in judge(EVERY["08.4"], lambda make: True).message


def test_a_judge_of_makers_may_be_built_otherwise_and_must_judge():
    ask = EVERY["08.4"]
    for depths in ((4,), (8,), (1, 2, 3, 4, 5)):
        assert judge(ask, lambda make, depths=depths: norm_hunt._judge(make, depths)).right

    def by_unfolding(make):
        """The other way round: take the factor out of the scaled model, by larger gains."""
        ids = torch.arange(7)[None]
        with torch.no_grad():
            scaled, plain = make("LNS", 5), make("pre", 5)
            for number, block in enumerate(scaled.trunk.blocks, start=1):
                for branch in block.branches:
                    branch.norm.weight *= number**0.5
            return torch.allclose(scaled(ids).logits, plain(ids).logits, atol=1e-4)

    assert judge(ask, by_unfolding).right
    for depths in ((1,), (2,), (1, 2), (2, 3)):
        assert judge(ask, lambda make, depths=depths: norm_hunt._judge(make, depths)).status == "wrong"
    calls = iter(range(99))
    assert "another way" in judge(ask, lambda make: next(calls) == 0).message


def test_an_update_as_long_as_the_stream_is_what_it_takes():
    h = torch.tensor([1.0, 0.0], dtype=torch.float64)
    angles = torch.linspace(0, 2 * torch.pi, 20001, dtype=torch.float64)
    for length, possible in ((0.999, False), (1.001, True)):
        turned = h + length * torch.stack([angles.cos(), angles.sin()], dim=1)
        turns = torch.atan2(turned[:, 1], turned[:, 0]).abs() / torch.pi
        assert bool((turns > 0.6).any()) is possible
