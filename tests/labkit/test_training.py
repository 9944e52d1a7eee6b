"""Training: the data of a step, the gradient, the schedule, resuming after a kill, and runs that went wrong."""

import dataclasses
import itertools
import json
import math
import os
import subprocess
import sys
import textwrap

import pytest
import torch
import torch.nn.functional as F

from labkit import world
from labkit.base.errors import BadInput, BrokenFile, NotAvailable, UnknownName
from labkit.models import load
from labkit.training import (
    Batches,
    Recipe,
    accumulate,
    document_losses,
    padded,
    read_log,
    read_recipe,
    recipes,
    train,
)


def recipe(**changes):
    fields = {
        "name": "test",
        "size": "cpu",
        "model": {"width": 16, "depth": 1, "heads": 2, "ffn": 24, "context": 256},
        "documents": {"copying": 3, "recall": 1},
        "steps": 12,
        "lr": 1e-2,
        "warmup": 3,
        "groups": 2,
        "pool": 4,
        "log_every": 4,
        "save_every": 5,
    }
    return Recipe(**{**fields, **changes})


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


# Data.


def test_a_steps_data_depends_on_recipe_seed_and_step_alone():
    forward, backward = Batches(recipe(), 3), Batches(recipe(), 3)
    ahead = {step: forward.at(step) for step in range(1, 11)}
    for step in reversed(range(1, 11)):
        for one, other in zip(ahead[step], backward.at(step)):
            assert torch.equal(one.ids, other.ids) and torch.equal(one.targets, other.targets)
    other = Batches(recipe(), 4).at(1)
    assert [group.ids.tolist() for group in other] != [group.ids.tolist() for group in ahead[1]]


def test_a_pool_holds_each_document_once_and_whole():
    wanted = recipe(documents={"stories": 2, "facts": 4}, groups=3, pool=4)
    batches, tokenizer = Batches(wanted, 5), world.tokenizer()
    seen = []
    for step in range(1, 9):
        groups = batches.at(step)
        assert sum(len(group.ids) for group in groups) == 6
        for group in groups:
            for ids, targets in zip(group.ids.tolist(), group.targets.tolist()):
                length = sum(t != -100 for t in targets)
                assert ids[0] == tokenizer.bos and targets[length - 1] == tokenizer.eos
                assert ids[1:length] == targets[: length - 1]
                seen.append(tokenizer.decode(targets[: length - 1]))
    texts = [world.document(part, n, 5).text for part, count in (("stories", 16), ("facts", 32)) for n in range(count)]
    assert sorted(seen) == sorted(texts)


def test_rows_need_little_padding():
    wanted = recipe(documents={"stories": 18, "choice": 10, "facts": 2, "recall": 2}, groups=4, pool=16)
    batches = Batches(wanted, 0)
    groups = [group for step in range(1, 17) for group in batches.at(step)]
    real, room = sum(group.tokens for group in groups), sum(group.ids.numel() for group in groups)
    assert real / room > 0.95


# Gradient and loss.


def test_gradient_is_that_of_the_mean_surprise_over_all_documents():
    wanted = recipe(model={"width": 16, "depth": 2, "heads": 2, "ffn": 24, "context": 256, "init_std": 0.3})
    groups = Batches(wanted, 0).at(1)
    model, plain = wanted.config().build(1), wanted.config().build(1)
    loss, tokens = accumulate(model, groups)
    total = sum(
        F.cross_entropy(plain(g.ids).logits.flatten(0, 1), g.targets.flatten(), ignore_index=-100, reduction="sum")
        for g in groups
    )
    (total / tokens).backward()
    assert tokens == sum(g.tokens for g in groups)
    assert loss == pytest.approx((total / tokens).item(), abs=1e-5)
    for (name, p), q in zip(model.named_parameters(), plain.parameters()):
        assert torch.allclose(p.grad, q.grad, atol=1e-6, rtol=1e-4), name


def test_far_off_logits_are_no_trouble():
    wanted = recipe(model={"width": 16, "depth": 1, "heads": 2, "ffn": 24, "context": 256, "init_std": 30.0})
    model = wanted.config().build(1)
    loss, _ = accumulate(model, Batches(wanted, 0).at(1))
    assert loss > 100 and math.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_document_losses_are_those_of_each_document_alone():
    wanted = recipe(model={"width": 16, "depth": 2, "heads": 2, "ffn": 24, "context": 256, "init_std": 0.3})
    model = wanted.config().build(2)
    documents = world.tokenizer().encode_documents([d.text for d in world.documents("facts", 7, seed=0)])
    nats, tokens = document_losses(model, documents, batch=3)
    for document, value, count in zip(documents, nats, tokens):
        group = padded([document])
        alone = F.cross_entropy(model(group.ids).logits[0], group.targets[0], reduction="sum")
        assert count == len(document) - 1
        assert value == pytest.approx(alone.item(), rel=1e-5)


def test_schedule():
    wanted = recipe(steps=100, warmup=10, lr=0.5, last_lr=0.1)
    rates = [wanted.lr_at(step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.05) and rates[9] == 0.5 and rates[-1] == pytest.approx(0.05)
    assert rates[54] == pytest.approx(0.5 * (0.1 + 0.9 * 0.5))
    assert all(a > b for a, b in itertools.pairwise(rates[9:]))


# Runs.


def test_a_run_learns_logs_and_leaves_its_model(tmp_path):
    entries = []
    before = torch.get_rng_state(), torch.get_num_threads()
    run = train(
        recipe(steps=40, keep=(10,), threads=before[1] + 1),
        out=tmp_path,
        say=entries.append,
        watch=lambda s, m: entries.append(s),
    )
    assert torch.equal(before[0], torch.get_rng_state()) and before[1] == torch.get_num_threads()
    assert [e for e in entries if isinstance(e, int)] == [10]
    log = read_log(tmp_path / "log.jsonl")
    assert log == [e for e in entries if not isinstance(e, int)]
    steps = [e for e in log if e["event"] == "step"]
    assert [log[0]["event"], log[-1]["event"]] == ["start", "finished"]
    assert [e["step"] for e in steps] == list(range(4, 41, 4))
    assert steps[0]["loss"] == pytest.approx(math.log(world.tokenizer().vocab_size), abs=0.3)
    assert steps[-1]["loss"] < steps[0]["loss"] - 1
    assert run.status == "finished" and run.tokens == steps[-1]["tokens"]
    assert torch.equal(weights(load(tmp_path / "final")), weights(run.model))
    assert not torch.equal(weights(load(tmp_path / "steps" / "000010")), weights(run.model))


def test_seed_decides(tmp_path):
    one, same, other = (train(recipe(), seed=s, out=tmp_path / str(i)).model for i, s in enumerate((1, 1, 2)))
    assert torch.equal(weights(one), weights(same))
    assert not torch.equal(weights(one), weights(other))


_KILLED = """
    import os, random, signal, sys
    import test_training as t
    import torch
    torch.set_num_threads(1)
    out, rng = sys.argv[1], random.Random(int(sys.argv[2]))
    moments = 0

    def count(*_):
        global moments
        moments += 1
        if moments == end:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(folder):
        sys.setprofile(count)
        t.train(t.recipe(steps=30), seed=1, out=folder)
        sys.setprofile(None)

    end = -1
    t.train(t.recipe(steps=3), out=out + "-warm")  # what happens once in a process does not count
    run(out + "-counted")
    whole, kills = moments, 0
    for attempt in range(60):
        moments, end = 0, rng.randrange(whole // 2)
        child = os.fork()
        if child == 0:
            run(out)
            os._exit(0)
        kills += os.waitpid(child, 0)[1] == signal.SIGKILL
        if any(e["event"] == "finished" for e in t._log(out)):
            break
    print(kills, sum(e["event"] == "resumed" and e["step"] > 0 for e in t._log(out)))
"""


def _log(folder):
    path = os.path.join(str(folder), "log.jsonl")
    return read_log(path) if os.path.exists(path) else []


def _steps(folder):
    timing = {"seconds", "tokens_per_s"}
    return [{k: v for k, v in e.items() if k not in timing} for e in _log(folder) if e["event"] == "step"]


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_moments_it_ends_bit_for_bit_the_same(tmp_path, seed):
    whole = train(recipe(steps=30), seed=1, out=tmp_path / "whole")
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_KILLED), str(tmp_path / "killed"), str(seed)],
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    kills, resumed = map(int, ran.stdout.split())
    assert kills > 2 and resumed > 1
    assert torch.equal(weights(load(tmp_path / "killed" / "final")), weights(whole.model))
    assert _steps(tmp_path / "killed") == _steps(tmp_path / "whole")


def test_interrupted_between_steps_it_goes_on_where_it_was(tmp_path):
    whole = train(recipe(), out=tmp_path / "whole")

    def stop(entry):
        if entry["event"] == "step" and entry["step"] == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(), out=tmp_path / "stopped", say=stop)
    assert _log(tmp_path / "stopped")[-1] == {"event": "interrupted", "step": 8}
    run = train(recipe(), out=tmp_path / "stopped")
    assert torch.equal(weights(run.model), weights(whole.model))
    assert [e["event"] for e in _log(tmp_path / "stopped")] == [
        "start",
        "step",
        "step",
        "interrupted",
        "resumed",
        "step",
        "finished",
    ]


def test_a_run_goes_on_from_another_recipes_model(tmp_path, monkeypatch):
    first = recipe(name="lab/first", steps=4, warmup=1)
    monkeypatch.setattr("labkit.training.loop.read_recipe", lambda name, size: first)
    second = recipe(name="lab/second", steps=2, warmup=0, lr=1e-12, weight_decay=0.0, start="lab/first")
    went_on = train(second, seed=3, out=tmp_path / "second")
    before = train(first, seed=3, out=tmp_path / f"lab-first-{first.size}-3")  # there already: returned, not repeated
    assert torch.allclose(weights(before.model), weights(went_on.model), atol=1e-9)
    texts = [Batches(one, 3).at(1)[0].ids.tolist() for one in (first, second)]
    assert texts[0] != texts[1], "it would read again what the first run has read"


def test_a_run_cannot_go_on_from_a_model_of_another_shape(tmp_path, monkeypatch):
    first = recipe(name="lab/first", model={**recipe().model, "depth": recipe().model["depth"] + 1})
    monkeypatch.setattr("labkit.training.loop.read_recipe", lambda name, size: first)
    with pytest.raises(BadInput, match="their models differ"):
        train(recipe(start="lab/first"), out=tmp_path / "run")


def test_killed_before_its_first_line_it_starts(tmp_path):
    whole = train(recipe(), out=tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "run.json").write_bytes((tmp_path / "whole" / "run.json").read_bytes())
    assert torch.equal(weights(train(recipe(), out=tmp_path / "killed").model), weights(whole.model))


def test_a_finished_run_is_returned_again(tmp_path):
    first = train(recipe(), out=tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    again = train(recipe(), out=tmp_path)
    assert again.status == "finished" and again.tokens == first.tokens
    assert torch.equal(weights(again.model), weights(first.model))
    assert (tmp_path / "log.jsonl").read_bytes() == log


def test_a_changed_recipe_is_refused_saying_what_differs(tmp_path):
    train(recipe(), out=tmp_path)
    with pytest.raises(BadInput, match=r"recipe\.lr: 0\.01 → 0\.02; recipe\.model\.ffn: 24 → 32; seed: 0 → 5"):
        train(recipe(lr=0.02, model={**recipe().model, "ffn": 32}), seed=5, out=tmp_path)
    with pytest.raises(BadInput, match="already holds a run"):
        train(recipe(), out=tmp_path, resume=False)


def test_a_diverging_run_is_recorded_as_such(tmp_path):
    run = train(recipe(lr=1e18, clip=1e30, warmup=0), out=tmp_path)
    last = _log(tmp_path)[-1]
    assert run.status == last["event"] == "diverged" and last["step"] == run.step <= 12
    assert last["loss"] in ("nan", "inf") or last["gradient"] in ("nan", "inf")
    assert not (tmp_path / "final").exists()
    with pytest.raises(BadInput, match="diverged and cannot go on"):
        train(recipe(lr=1e18, clip=1e30, warmup=0), out=tmp_path)


def test_a_damaged_log_is_told_and_a_cut_last_line_is_not_damage(tmp_path):
    train(recipe(), out=tmp_path)
    path = tmp_path / "log.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines) + '{"event": "st')
    assert len(read_log(path)) == len(lines)
    path.write_text("".join([lines[0], "garbage\n", *lines[2:]]))
    with pytest.raises(BrokenFile, match=r"Line 2 of .*log\.jsonl is damaged"):
        read_log(path)
    with pytest.raises(BrokenFile, match="Line 2"):
        train(recipe(), out=tmp_path)
    path.write_text("".join([lines[0], "[1]\n", *lines[2:]]))
    with pytest.raises(BrokenFile, match="no event"):
        read_log(path)


def test_a_damaged_checkpoint_is_told(tmp_path):
    train(recipe(), out=tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BrokenFile, match=r"checkpoint\.safetensors is not a whole"):
        train(recipe(), out=tmp_path)


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    real = os.replace
    whole = train(recipe(), out=tmp_path / "whole")

    def full(source, target):
        if "checkpoint" in str(target) and full.left == 0:
            raise OSError(28, "No space left on device")
        full.left -= "checkpoint" in str(target)
        return real(source, target)

    full.left = 1
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BrokenFile, match="No space left"):
        train(recipe(), out=tmp_path / "full")
    monkeypatch.undo()
    assert torch.equal(weights(train(recipe(), out=tmp_path / "full").model), weights(whole.model))
    # The checkpoint of step 5 lies within a line of the log (steps 5 to 8), which was written once and is taken again.
    assert _steps(tmp_path / "full") == _steps(tmp_path / "whole")


# Recipes.


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": {**recipe().model, "heads": 3}}, "cannot be divided"),
        ({"model": {**recipe().model, "depth": 0}}, "depth = 0"),
        ({"documents": {"copying": 3}}, "cannot be split into groups"),
        ({"documents": {}}, "cannot be split into groups"),
        ({"documents": {"copying": -2}}, "documents.copying"),
        ({"steps": 0}, "steps = 0"),
        ({"steps": 2.5}, "steps = 2.5"),
        ({"lr": 0.0}, "lr = 0.0"),
        ({"lr": math.nan}, "lr = nan"),
        ({"warmup": 13}, "warmup = 13"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"keep": (13,)}, "keep"),
        ({"world": "0"}, "version 0 of the world"),
    ],
)
def test_impossible_recipes_are_refused(changes, says):
    with pytest.raises(BadInput, match=says):
        recipe(**changes)


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="copying"):
        recipe(documents={"copyin": 4})
    with pytest.raises(UnknownName, match="width"):
        recipe(model={**recipe().model, "widht": 3})
    with pytest.raises(UnknownName, match="lab/tiny"):
        read_recipe("lab/tyni")
    with pytest.raises(UnknownName, match="cpu, gpu"):
        read_recipe("lab/tiny", "tpu")
    path = tmp_path / "mine.toml"
    path.write_text("name = 'x'\nstepz = 3\n[cpu]\n")
    with pytest.raises(UnknownName, match="steps"):
        read_recipe(path)
    path.write_text("name = 'x'\n[cpu]\nlr = 1.0\n")
    with pytest.raises(BadInput, match="documents, model, steps"):
        read_recipe(path)
    with pytest.raises(BadInput, match=r"no size gpu"):
        read_recipe(path, "gpu")


def test_a_recipe_takes_what_it_does_not_say_from_the_one_it_is_like(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "name = 'mine'\nlike = 'lab/tiny'\nlr = 0.5\n[model]\ndepth = 2\n[gpu]\nsteps = 7\nkeep = []\nwarmup = 1\n"
        "[gpu.documents]\nfacts = 8\n"
    )
    for size in ("cpu", "gpu"):
        mine, other = read_recipe(path, size), read_recipe("lab/tiny", size)
        changed = {"name": "mine", "lr": 0.5, "model": {**other.model, "depth": 2}}
        if size == "gpu":
            changed |= {"steps": 7, "keep": (), "warmup": 1, "documents": {**other.documents, "facts": 8}}
        assert mine == dataclasses.replace(other, **changed)
    path.write_text("name = 'mine'\nlike = 'depth/lns'\n")
    with pytest.raises(BadInput, match="itself like another"):
        read_recipe(path)
    path.write_text("name = 'mine'\nlike = 'lab/tyni'\n")
    with pytest.raises(UnknownName, match=r"tyni(.|\n)*lab/tiny"):
        read_recipe(path)


@pytest.mark.parametrize("name", recipes())
@pytest.mark.parametrize("size", ["cpu", "gpu"])
def test_shipped_recipes_can_be_read_and_their_documents_fit(name, size):
    shipped = read_recipe(name, size)
    assert shipped.name == name and shipped.size == size
    groups = Batches(dataclasses.replace(shipped, pool=1), 0).at(1)
    assert max(group.ids.shape[1] for group in groups) <= shipped.config().context
    assert json.loads(json.dumps(shipped.as_dict()))["model"] == dict(shipped.model)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is missing where a GPU is missing")
def test_no_gpu_is_told(tmp_path):
    with pytest.raises(NotAvailable, match="needs a GPU"):
        train(recipe(device="cuda"), out=tmp_path)


def test_a_recipe_without_a_width_is_told(tmp_path, capsys):
    from labkit.cli.entry import main

    (tmp_path / "r.toml").write_text(
        'name = "lab/x"\nabout = "x"\ndocuments = { stories = 1 }\ngroups = 1\nlr = 1e-3\nwarmup = 1\n'
        "[model]\ndepth = 1\nheads = 1\nffn = 8\n[cpu]\nsteps = 1\n"
    )
    assert main(["train", str(tmp_path / "r.toml"), "--out", str(tmp_path / "run")]) == 2
    assert "'width'" in capsys.readouterr().err


def test_two_runs_do_not_share_a_folder(tmp_path):
    from filelock import FileLock

    from labkit.base.errors import Busy

    folder = tmp_path / "run"
    folder.mkdir()
    with FileLock(folder / ".lock"), pytest.raises(Busy, match="Another process is training"):
        train("lab/tiny", out=folder)
