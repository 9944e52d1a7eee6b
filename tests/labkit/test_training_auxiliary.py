"""Auxiliary losses: a head learns to look where it is shown, the stream to tell what it is asked; nothing stays."""

import copy
import itertools

import pytest
import torch
from pretend import moved, pretend_gpu

from labkit import world
from labkit.base.errors import BadInput, UnknownName
from labkit.models import load
from labkit.training import Recipe, accumulate, padded, read_log, train
from labkit.training.auxiliary import AuxiliaryLosses
from labkit.training.auxiliary_settings import AuxiliarySettings
from labkit.world.hints import ANSWERS, hints

PROMPTS = {
    "weight": 0.5,
    "until": 4,
    "look": {"about": [[0, 1]], "said": [[1, 0], [1, 2]], "near": [[1, 1]]},
    "tell": {"fact": 1, "near": 0},
}


def recipe(**changes):
    fields = {
        "name": "test",
        "size": "cpu",
        "model": {"width": 32, "depth": 2, "heads": 4, "ffn": 24, "context": 256, "init_std": 0.1},
        "documents": {"stories": 2, "copying": 1, "recall": 1},
        "steps": 6,
        "lr": 3e-3,
        "warmup": 3,
        "groups": 2,
        "pool": 4,
        "log_every": 2,
        "save_every": 2,
        "auxiliary": PROMPTS,
    }
    return Recipe(**{**fields, **changes})


@pytest.fixture
def texts():
    return [world.document(part, number, 3).text for part in ("recall", "places") for number in range(3)]


@pytest.fixture
def groups(texts):
    documents = world.tokenizer().encode_documents(texts)
    return [padded(documents[:3]), padded(documents[3:])]


@pytest.fixture
def auxiliary():
    return AuxiliaryLosses(recipe().config().build(3), AuxiliarySettings(**PROMPTS), seed=0)


def added(auxiliary, groups):
    """Return what the hints add to the loss over all groups."""
    with auxiliary.step(groups):
        total = 0.0
        for number, group in enumerate(groups):
            auxiliary.model.trunk(auxiliary.model.begin(group.ids))
            total += float(auxiliary.loss(number).detach())
    return total


@torch.no_grad()
def by_hand(auxiliary, texts):
    """Return the same from the definition: per sort the mean over documents of the mean over their hints."""
    model, tokenizer = auxiliary.model, world.tokenizer()
    of_sort = {}
    for text in texts:
        state, streams, attention = model.begin(torch.tensor([[tokenizer.bos, *tokenizer.encode(text)]])), [], []
        for block in model.trunk.blocks:
            branch = block.attention
            attention.append(branch.mixer.weights(branch.norm(state.stream), state)[0])
            state = block(state)
            streams.append(state.stream[0])
        of_text = {}
        for hint in hints(text):
            for sort, heads in PROMPTS["look"].items():
                if sort in hint.looks:
                    logs = [
                        attention[block][head, hint.at, list(hint.looks[sort])].log().mean() for block, head in heads
                    ]
                    of_text.setdefault(sort, []).append(-sum(logs) / len(logs))
            for sort, block in PROMPTS["tell"].items():
                if sort in hint.tells:
                    h_D = streams[block][hint.at]
                    logs = (auxiliary.codes[sort] @ (h_D / h_D.square().mean().sqrt())).log_softmax(0)
                    found = [logs[ANSWERS.index(word)] for word in hint.tells[sort]]
                    of_text.setdefault("tell " + sort, []).append(-sum(found) / len(found))
        for sort, values in of_text.items():
            of_sort.setdefault(sort, []).append(sum(values) / len(values))
    assert set(of_sort) == {"about", "said", "near", "tell fact", "tell near"}
    return PROMPTS["weight"] * float(sum(sum(values) / len(values) for values in of_sort.values()))


def test_what_hints_add_is_the_surprise_at_where_they_point_and_what_they_tell(auxiliary, texts, groups):
    assert added(auxiliary, groups) == pytest.approx(by_hand(auxiliary, texts), rel=1e-4)
    assert auxiliary.lost == pytest.approx(by_hand(auxiliary, texts) / PROMPTS["weight"], rel=1e-4)


def test_its_gradient_is_added_and_the_returned_surprise_is_the_plain_one(auxiliary, groups):
    model = auxiliary.model
    plain, tokens = accumulate(model, groups)
    before = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    with auxiliary.step(groups):
        prompted, same_tokens = accumulate(model, groups, auxiliary.loss)
    assert (prompted, same_tokens) == (plain, tokens)
    model_q = dict(model.named_parameters())["trunk.blocks.0.attention.mixer.q.weight"].grad
    shown = slice(8, 16)  # head 1 of block 0
    change = (model_q - before["trunk.blocks.0.attention.mixer.q.weight"]).abs()
    assert change[shown].max() > 0
    last = "trunk.blocks.1.mlp.mixer.down.weight"
    assert not torch.equal(dict(model.named_parameters())[last].grad, before[last]), "the stream is asked behind it"
    assert torch.equal(model.norm.weight.grad, before["norm.weight"]), "behind the last block asked nothing changes"


def test_shown_a_hundred_times_a_head_looks_and_the_stream_tells(auxiliary, groups):
    optimiser = torch.optim.Adam(auxiliary.model.parameters(), lr=3e-3)
    before = added(auxiliary, groups)
    for _ in range(100):
        optimiser.zero_grad()
        with auxiliary.step(groups):
            accumulate(auxiliary.model, groups, auxiliary.loss)
        optimiser.step()
    assert added(auxiliary, groups) < 0.4 * before


def test_nothing_is_left_on_the_model_even_when_a_pass_fails(auxiliary, groups):
    model = auxiliary.model
    names = list(model.state_dict())
    with pytest.raises(RuntimeError, match="midway"), auxiliary.step(groups):
        model(groups[0].ids)
        raise RuntimeError("midway")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert list(model.state_dict()) == names and not auxiliary._read and not auxiliary._streams


def test_on_a_gpu_it_adds_what_it_adds_on_the_cpu(auxiliary, groups):
    """The numbers live where the model does: a pretend GPU refuses to mix them with the CPU's."""
    expected, here = added(auxiliary, groups), auxiliary.model
    with pretend_gpu():
        there = AuxiliaryLosses(moved(copy.deepcopy(here)), auxiliary.auxiliary, seed=0)
        assert {codes.device.type for codes in there.codes.values()} == {"cuda"}
        with there.step(groups):
            accumulate(there.model, groups, there.loss)
        on_gpu = there.lost
    assert on_gpu * PROMPTS["weight"] == pytest.approx(expected, rel=1e-6)
    assert auxiliary.model is here and here.device.type == "cpu"


def test_documents_without_hints_add_nothing(auxiliary):
    texts = [world.document("copying", number, 3).text for number in range(2)]
    assert added(auxiliary, [padded(world.tokenizer().encode_documents(texts))]) == 0.0


# Runs.


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_prompted_run_stopped_and_resumed_ends_bit_for_bit_the_same(tmp_path):
    whole = train(recipe(), seed=1, out=tmp_path / "whole")
    taken = itertools.count()

    def stop(entry):
        if entry["event"] == "step" and next(taken) == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(), seed=1, out=tmp_path / "again", say=stop)
    train(recipe(), seed=1, out=tmp_path / "again")
    assert torch.equal(weights(load(tmp_path / "again" / "final")), weights(whole.model))
    plain = train(recipe(auxiliary={}), seed=1, out=tmp_path / "plain")
    assert not torch.equal(weights(plain.model), weights(whole.model))


def test_the_log_tells_what_hints_add_while_there_are_any(tmp_path):
    run = train(recipe(), out=tmp_path / "run")
    steps = [entry for entry in read_log(run.folder / "log.jsonl") if entry["event"] == "step"]
    assert [entry["step"] for entry in steps if "hints" in entry] == [2, 4]
    assert all(entry["hints"] > 0 for entry in steps if "hints" in entry)


def test_behind_its_last_prompted_step_a_run_trains_like_any_other(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(AuxiliaryLosses, "_find", lambda self, groups: asked.append(1) or [{} for _ in groups])
    train(recipe(), out=tmp_path)
    assert len(asked) == PROMPTS["until"] < recipe().steps


def test_a_recipe_without_prompts_says_nothing_of_them():
    assert "auxiliary" not in recipe(auxiliary={}).as_dict(), "runs begun before there were any could not be resumed"
    assert recipe().as_dict()["auxiliary"] == PROMPTS


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"weight": 0}, BadInput, "weight = 0"),
        ({"weight": float("nan")}, BadInput, "weight = nan"),
        ({"until": 7}, BadInput, "until = 7"),
        ({"until": 0}, BadInput, "until = 0"),
        ({"look": {"abuot": [[0, 0]]}}, UnknownName, "abuot"),
        ({"tell": {"fcat": 0}}, UnknownName, "fcat"),
        ({"look": {"about": [[2, 0]]}}, BadInput, "2, 0"),
        ({"look": {"about": [[0, 4]]}}, BadInput, "0, 4"),
        ({"look": {"about": [0, 1]}}, BadInput, "about"),
        ({"look": {"about": 0}}, BadInput, "about to 0"),
        ({"weight": "much"}, BadInput, "weight = much"),
        ({"tell": {"fact": 2}}, BadInput, "fact after block 2"),
        ({"tell": {"fact": -1}}, BadInput, "fact after block -1"),
        ({"tell": {"fact": 1.0}}, BadInput, "fact after block 1.0"),
        ({"look": {"about": [[True, 0]]}}, BadInput, "True, 0"),
        ({"until": True}, BadInput, "until = True"),
        ({"weihgt": 1.0}, UnknownName, "weihgt"),
    ],
)
def test_impossible_prompts_are_refused(changes, kind, says):
    with pytest.raises(kind, match=says):
        recipe(auxiliary={**PROMPTS, **changes})


def test_what_prompts_must_say_is_told():
    with pytest.raises(BadInput, match="until"):
        recipe(auxiliary={"weight": 0.3})
