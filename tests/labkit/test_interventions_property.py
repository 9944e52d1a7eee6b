"""Every intervention is undone, whatever happens: random nested plans on random families, with exceptions, broken
installations, Ctrl-C at random lines of our own code, and all that `tests/support/pressure.py` does meanwhile: alarms,
errors from other threads, full memory, coroutines and generators that end in any order, threads that end before them.

After each example the model's fingerprint (parameters, buffers, hooks, overrides, settings, config, mode) is the one
from before, the random state moved only by what the body drew, the lock is free and SIGINT is back in its place.

`LABKIT_EXAMPLES=10000 pytest -s tests/labkit/test_interventions_property.py -k whatever` runs more of them, and says
how many of each kind.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
import torch
from families import FAMILY_NAMES, VOCAB, make
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pressure import PRESSURES, Surprise, ctrl_c_at, operate

from labkit.anatomy import anatomy_of, fingerprint, fingerprint_parts, in_eval_mode, model_lock, sites
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    FromRun,
    MaskNeurons,
    Quantise,
    QuantiseActivation,
    ReplaceActivation,
    RestoreActivation,
    ScaleWeight,
    SetWeight,
    WeightEdit,
    Zero,
    ZeroWeight,
    audit,
    edit,
)
from labkit.papers.curse_of_depth.method.switching import SwitchLayerNormScaling

EXAMPLES = int(os.environ.get("LABKIT_EXAMPLES", "2000"))
TALLY: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def tally():
    """Say in the end how many examples of each kind there were."""
    yield
    print(f"\n{TALLY.total()} examples: {dict(sorted(TALLY.items()))}")


@cache
def subject(family):
    """Return a model of the family, some of it in training mode, and its fingerprint."""
    model = make(family)
    anatomy_of(model).blocks[1].module.train()
    return model, fingerprint(model)


# ----------------------------------------------------------------------------------------------- random edits


class Fails(WeightEdit):
    """An edit whose installation raises."""

    def values(self, old):
        raise Surprise("while installing")

    def __str__(self):
        return "fail"


def places(model):
    """Return one strategy of addresses of the model: whole, rows, columns, numbers."""

    def indexed(name):
        shape = anatomy_of(model).view(name).shape
        axis = [st.sampled_from([":", *map(str, range(size))]) for size in shape]
        return st.just(name) | st.tuples(*axis).map(lambda index: f"{name}[{', '.join(index)}]")

    return st.sampled_from(anatomy_of(model).addresses()).flatmap(indexed)


@cache
def edits_for(family):
    """Return a strategy of any edit that fits the family."""
    model, _ = subject(family)
    address, layer = places(model), st.integers(0, 1)
    factor = st.floats(-4, 4, width=32)
    texts = st.lists(st.integers(0, VOCAB - 1), min_size=1, max_size=5).map(tuple)
    site = st.sampled_from(sites(model))
    channels = st.none() | st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)
    positions = st.none() | st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True)
    weights = st.one_of(
        st.builds(ZeroWeight, address),
        st.builds(ScaleWeight, address, factor),
        st.builds(SetWeight, address, factor),
    )
    cuts = st.one_of(
        st.builds(DropAttention, layer),
        st.builds(DropMLP, layer),
        st.builds(DropBlock, layer),
        st.builds(MaskNeurons, layer, st.lists(st.integers(0, 11), min_size=1, max_size=4, unique=True)),
    )
    if family != "olmo2":  # which has no norm in front of its sub-layers
        where = st.sampled_from(["before-norm", "after-norm", "after-branch"])
        gains = st.booleans() if family != "olmo" else st.just(False)
        switch = st.builds(SwitchLayerNormScaling, st.booleans(), factor, where)
        cuts |= switch | st.builds(SwitchLayerNormScaling, st.booleans(), factor, st.just("after-norm"), gains)
    sources = st.just(Zero()) | st.builds(FromRun, texts, st.lists(weights, max_size=2))
    activations = st.one_of(
        st.builds(ReplaceActivation, site, st.just(Zero()), positions, channels),
        st.builds(ReplaceActivation, site, sources, st.none(), channels),
        st.builds(RestoreActivation, site, texts, st.none(), channels),
    )
    rounded = st.one_of(
        st.builds(
            Quantise, st.sampled_from(["matrices", "mlp.down", "embed"]), st.integers(2, 8), st.sampled_from([None, 5])
        ),
        st.builds(QuantiseActivation, site, st.integers(2, 8), st.sampled_from(["token", "tensor"])),
    )
    return st.one_of(weights, weights, cuts, cuts, activations, rounded, st.just(Fails("embed")))


EVENTS = (*PRESSURES, "signal", "nothing", "run", "draw", "raise", "interrupt", "apply")


@st.composite
def surgeries(draw, event):
    """Return (family, nested lists of edits, what goes wrong and where)."""
    family = draw(st.sampled_from(FAMILY_NAMES))
    levels = draw(st.lists(st.lists(edits_for(family), max_size=3), min_size=1, max_size=3))
    most = 700 if event == "signal" else PRESSURES[event][1] if event in PRESSURES else len(levels)
    return family, levels, event, draw(st.integers(min(1, most) if event in ("signal", *PRESSURES) else 0, most))


# ------------------------------------------------------------------------------------------------ the laws


def randomness():
    """Return what the three global generators would draw next, without drawing."""
    numpys = np.random.get_state()
    return torch.get_rng_state().numpy().tobytes(), numpys[1].tobytes(), numpys[2:], random.getstate()


def check(family, levels, event, where):
    """Run one example, compare everything with before, and return whether a Ctrl-C came."""
    TALLY[event] += 1
    model, before = subject(family)
    sent = []
    handler, state, gradients = signal.getsignal(signal.SIGINT), randomness(), torch.is_grad_enabled()
    try:
        if event == "signal":
            with ctrl_c_at(where) as sent, suppress(Surprise, KeyboardInterrupt):
                operate(model, levels, event, where)
        elif event in PRESSURES:
            PRESSURES[event][0](model, levels, where)
        else:
            operate(model, levels, event, where)
    except (Surprise, KeyboardInterrupt):
        pass
    if event not in ("draw", "run"):  # with parts in training mode, the body's own pass draws dropout
        assert randomness() == state
    assert signal.getsignal(signal.SIGINT) is handler and torch.is_grad_enabled() == gradients
    if fingerprint(model) != before or not audit(model).clean:
        subject.cache_clear(), edits_for.cache_clear()
        clean = fingerprint_parts(subject(family)[0])
        now = fingerprint_parts(model)
        left = [name for name in {*clean, *now} if clean.get(name) != now.get(name)]
        pytest.fail(f"left behind: {left}; {audit(model)}")
    if not free(model_lock(model)):
        subject.cache_clear(), edits_for.cache_clear()  # or whoever comes next waits for it
        pytest.fail("the model's lock was not given up")
    return bool(sent)


def free(lock):
    """Return whether another thread could take the lock."""
    got = []
    thread = threading.Thread(target=lambda: got.append(lock.acquire(blocking=False) and (lock.release() or True)))
    thread.start()
    thread.join()
    return got == [True]


@pytest.mark.parametrize("event", EVENTS)
@settings(
    max_examples=-(-EXAMPLES // len(EVENTS)),
    deadline=None,
    derandomize="LABKIT_EXAMPLES" not in os.environ,  # else --hypothesis-seed says which
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_edit_is_undone_whatever_happens(event, data):
    check(*data.draw(surgeries(event)))


LEVELS = {
    "weights": [[ZeroWeight("embed[1, :]"), ScaleWeight("layers.0.attn.k", 2.0)]],
    "nested": [[DropBlock(0), MaskNeurons(1, (2,))], [SetWeight("head", 1.0)]],
    "measured": [[ScaleWeight("embed", 2.0)], [RestoreActivation("layers.0", (1, 2, 3)), DropMLP(1)]],
    "failing": [[DropAttention(0), ZeroWeight("embed"), Fails("embed")]],
}


# Every line where `step` is 1; measured plans run the model, and so many more lines that some must do.
STRIDES = [("weights", 1), ("failing", 1), ("nested", 3), ("measured", 7)]


@pytest.mark.parametrize(("levels", "step"), STRIDES)
@pytest.mark.parametrize(("family", "more"), [("labkit", 1), ("gpt_neox", 13)])
def test_a_ctrl_c_at_every_single_line_leaves_nothing_behind(family, more, levels, step):
    """Not a sample, for step 1: line after line, from the first of `edit` to the last of the last `__exit__`."""
    line = 1
    while check(family, LEVELS[levels], "signal", line):
        line += step * more
    assert line > 100, "the trace did see our code"


@pytest.mark.parametrize("inference", [False, True])
def test_a_ctrl_c_in_the_midst_of_a_measurement_leaves_gradients_as_they_were(inference):
    """One measurement inside the other: what is put back by the inner one, late, is not the outer one's state."""
    model, line, sent = torch.nn.Dropout(), 0, [0]
    while sent:
        line += 1
        with torch.inference_mode(inference):
            # One that waited may come twice, the second time on the way out of the inner `suppress`.
            with suppress(KeyboardInterrupt), ctrl_c_at(line) as sent, suppress(KeyboardInterrupt):
                in_eval_mode(model, lambda module: in_eval_mode(module, lambda module: None))
            assert torch.is_inference_mode_enabled() == inference and model.training, line
            assert torch.is_grad_enabled() != inference, line
    assert line > 30, "the trace did see our code"


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_the_body_may_draw_and_its_draws_stay(data):
    """Entering and leaving neither consumes nor rewinds: what the body draws is what it would draw alone."""
    family = data.draw(st.sampled_from(FAMILY_NAMES))
    edits = data.draw(st.lists(edits_for(family).filter(lambda made: not isinstance(made, Fails)), max_size=3))
    model, _ = subject(family)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        alone = torch.rand(4)
        after = torch.get_rng_state()
        torch.manual_seed(3)
        with edit(model, edits):
            assert torch.equal(torch.rand(4), alone)
        assert torch.equal(torch.get_rng_state(), after)
