"""Lesson 00's exercises against what they are about: real models, the ledger's rule, a sweep's count, the surgeons."""

import random
import re

import pytest
import torch

from labkit.anatomy import fingerprint, view
from labkit.base.data import lessons_dir
from labkit.base.errors import UnknownName
from labkit.claims import verdict
from labkit.course import definition, load_if_here
from labkit.course.exercises import judge
from labkit.interventions import DropMLP, Plan
from labkit.models import DecoderConfig
from labkit.papers.cut_compare_restore.exercises.deeper import EXERCISES
from labkit.sweeps import every_sublayer, sweep

LESSON = definition("00")
SOURCES = lessons_dir() / LESSON.name / "src"


def decoder(depth=2, seed=1):
    return DecoderConfig(vocab=23, width=16, depth=depth, heads=2, ffn=24, context=16).build(seed).eval()


def test_every_objective_is_served_by_an_exercise_and_those_of_the_hour_in_the_hour():
    assert {exercise.objective for exercise in LESSON.exercises} == set(LESSON.objectives)
    assert {exercise.objective for exercise in LESSON.exercises if not exercise.deeper} == set(LESSON.objectives[:2])
    assert all(exercise.deeper for exercise in EXERCISES)


def by_zeroing_weights(model, layer, ids):
    before, weight = fingerprint(model), model.trunk.blocks[layer].mlp.mixer.down.weight.data
    kept = weight.clone()
    try:
        weight.zero_()
        cut = model(ids).logits
    finally:
        weight.copy_(kept)
    return cut, fingerprint(model) == before


def by_another_forward(model, layer, ids):
    before, mlp = fingerprint(model), model.trunk.blocks[layer].mlp.mixer
    try:
        mlp.forward = lambda h, *rest: torch.zeros_like(h)
        return model(ids).logits, (vars(mlp).pop("forward"), fingerprint(model) == before)[1]
    finally:
        vars(mlp).pop("forward", None)


def drawn_by_torch(shape, chosen, seed):
    generator = torch.Generator().manual_seed(seed)
    while True:
        place = [int(torch.randint(side, (), generator=generator)) for side in shape]
        if tuple(place) != chosen:
            return place


def drawn_from_a_list(shape, chosen, seed):
    places = [(row, column) for row in range(shape[0]) for column in range(shape[1])]
    places.remove(chosen)
    return random.Random(f"a seed of words: {seed}").choice(places)


def rule_by_cases(low, high, null, direction, delta):
    if direction == "below":
        low, high, null = -high, -low, -null
    if null - delta <= low <= high <= null + delta:
        return "absent here"
    return {(True, True): "direction", (False, False): "contradicted"}.get((low > null, high >= null), "unresolved")


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        ("00.1", 1.17),
        ("00.1", "1.174"),
        ("00.2", by_zeroing_weights),
        ("00.2", by_another_forward),
        ("00.3", drawn_by_torch),
        ("00.3", drawn_from_a_list),
        ("00.9", [DropMLP(3), DropMLP(2)]),
        ("00.9", Plan([DropMLP(1), DropMLP(3)])),
        ("00.4", "51"),
        ("00.4", torch.tensor(51)),
        ("00.5", lambda restored, broken, intact: 1 - (intact - restored) / (intact - broken)),
        ("00.5", lambda restored, broken, intact: torch.tensor((restored - broken) / (intact - broken))),
        ("00.6", rule_by_cases),
        ("00.6", lambda *of, **words: rule_by_cases(*of, **words).upper() + " "),
        ("00.7", "300.0"),
        ("00.7", 24 * 25 / 2),
        ("00.8", "B, C and D"),
        ("00.8", ["d", "c", "b"]),
    ],
)
def test_an_unusual_right_answer_is_right(exercise, answer):
    assert judge(LESSON.exercise(exercise), answer).right


def test_judging_leaves_the_shared_random_numbers_alone():
    state, torch_state = random.getstate(), torch.get_rng_state()
    judge(LESSON.exercise("00.3"), LESSON.exercise("00.3").answer)
    assert random.getstate() == state and torch.equal(torch.get_rng_state(), torch_state)


def test_the_half_filled_stub_is_no_attempt():
    def operate(model, layer, ids):
        def nothing(module, inputs, output):
            return torch.zeros_like(output)

        handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(nothing)
        cut = model(ids).logits
        handle.remove()
        return cut, ...

    assert judge(LESSON.exercise("00.2"), operate).status == "not attempted"


def test_the_fused_row_is_the_one_that_phi_3_has():
    import transformers

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = transformers.Phi3Config(**sizes, intermediate_size=8, vocab_size=8, pad_token_id=None)
    place = view(transformers.Phi3ForCausalLM(config), "layers.0.attn.v[3, 5]")
    before = place.parameter.detach().clone()
    place.write(9.0)
    ((row, column),) = (place.parameter.detach() != before).nonzero().tolist()
    assert (row, column) == (LESSON.exercise("00.4").answer, 5)


def test_our_rule_is_the_ledger_s_on_any_interval():
    draw = random.Random(0)
    for _ in range(2000):
        low, high = sorted(draw.choice([draw.uniform(-1, 1), round(draw.uniform(-1, 1), 1)]) for _ in range(2))
        null, delta, direction = draw.choice([0.0, 1.0]), 0.2, draw.choice(["above", "below"])
        words = {"low": low + null, "high": high + null, "null": null, "direction": direction, "delta": delta}
        theirs = verdict(value=null + (low + high) / 2, n=100, paper=None, **words).word
        assert LESSON.exercise("00.6").answer(**words) == theirs


def test_the_count_is_that_of_a_sweep():
    model = decoder(depth=12)
    work = sweep(model, every_sublayer(model), [[1, 2, 3, 4]]).work
    dropped = 24  # a sweep counts its visits to what is left out, which computes nothing
    assert work["made"] - dropped == LESSON.exercise("00.7").answer == 24 + sum(range(24))
    assert work["plain"] - dropped == 576


def test_the_surgeons_of_the_hunt_are_as_guilty_as_we_say():
    cells = re.split(r"^# %%.*$", (SOURCES / f"{LESSON.name}_deeper.py").read_text(), flags=re.MULTILINE)
    space = {"torch": torch}
    for cell in cells:
        if "def surgeon_" in cell:
            exec(cell, space)
    ids, guilty = torch.tensor([[1, 2, 3]]), {"half": "", "new": ""}
    for letter, operate in space["surgeons"].items():
        for name, patient in (("half", decoder(seed=2).half().float()), ("new", decoder())):
            with torch.no_grad():
                before, said = fingerprint(patient), patient(ids).logits
                operate(patient, ids)
                assert torch.allclose(patient(ids).logits, said, atol=0.05)  # nobody can hear it
            guilty[name] += letter * (fingerprint(patient) != before)
    assert guilty == {"half": "BC", "new": LESSON.exercise("00.8").answer}


def test_a_guest_that_is_not_here_is_told_in_one_line(monkeypatch, capsys):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_if_here("nobody/has-this-model-135M") is None
    said = capsys.readouterr().out
    assert said.startswith("Skipped: nobody/has-this-model-135M is not on this machine")
    assert said.count("\n") == 1
    assert load_if_here("lab/tiny").name == "lab/tiny"
    with pytest.raises(UnknownName):
        load_if_here("lab/tyni")
