"""Undoing under pressure: full memory, alarms, asynchronous errors, edits left out of order, lost, or by nobody."""

from __future__ import annotations

import ctypes
import gc
import random
import signal
import sys
import threading
import time
import warnings

import pytest
import torch
from families import make

from labkit.anatomy import fingerprint, model_lock
from labkit.anatomy.view import View
from labkit.base.errors import Busy, ModelChanged, OutOfOrder
from labkit.interventions import DropMLP, ScaleWeight, ZeroWeight, audit, edit, undo_all


@pytest.fixture
def model():
    return make("labkit")


def untouched(model, before):
    """Whether nothing is left of an edit: numbers, hooks, notes, the lock."""
    got = []

    def take():
        if model_lock(model).acquire(timeout=1):
            got.append(True)
            model_lock(model).release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return fingerprint(model) == before and audit(model).clean and got == [True]


def full(*_, **__):
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory")


def test_with_memory_full_the_numbers_are_back_before_anything_is_compared(model, monkeypatch):
    before = fingerprint(model)
    with edit(model, ScaleWeight("embed", 0.5), ZeroWeight("layers.0.mlp.down")):
        monkeypatch.setattr(View, "read_stored", full)
    monkeypatch.undo()
    assert untouched(model, before)


def test_what_cannot_be_written_back_stays_told_and_is_tried_again(model, monkeypatch):
    before = fingerprint(model)
    with pytest.raises(ModelChanged, match=r"embed could not be written back .*still edited"):  # noqa: SIM117
        with edit(model, ScaleWeight("embed", 0.5), DropMLP(1)):
            monkeypatch.setattr(View, "write_stored", full)
    assert audit(model).active and fingerprint(model) != before, "nothing says that it is as it was"
    with pytest.raises(ModelChanged, match="still edited"):
        undo_all(model)
    monkeypatch.undo()
    undo_all(model)
    assert untouched(model, before)


def test_an_edit_that_can_neither_be_made_nor_taken_back_is_told_and_tried_again(model, monkeypatch):
    before, real, reads = fingerprint(model), View.read_stored, []

    def second_fails(self):
        reads.append(self)
        if len(reads) < 2:
            return real(self)
        monkeypatch.setattr(View, "write_stored", full)
        raise MemoryError

    with pytest.raises(ModelChanged, match=r"embed could not be written back .*still edited"):  # noqa: SIM117
        with edit(model, DropMLP(1), ZeroWeight("embed")):
            monkeypatch.setattr(View, "read_stored", second_fails)
            with edit(model, ScaleWeight("embed", 0.5)):
                pass
    monkeypatch.undo()
    undo_all(model)
    assert untouched(model, before)


def test_that_it_is_as_before_is_looked_at_not_believed(model, monkeypatch):
    with pytest.raises(ModelChanged, match="not what is there"), edit(model, ScaleWeight("embed", 0.5)):
        monkeypatch.setattr(View, "write_stored", lambda self, values: None)
    monkeypatch.undo()
    undo_all(model)


class Alarm(Exception):
    """What the handler of a user raises."""


def test_an_alarm_of_the_users_that_raises_leaves_nothing(model):
    before, dice, struck = fingerprint(model), random.Random(3), 0

    def ring(number, frame):
        raise Alarm

    old = signal.signal(signal.SIGALRM, ring)
    try:
        for _ in range(400):
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 + dice.random() * 1e-3)
                with edit(model, ZeroWeight("embed[0, :]"), DropMLP(1)):
                    pass
                time.sleep(0.002)
            except Alarm:
                struck += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert signal.getsignal(signal.SIGALRM) is ring
            assert not audit(model).active
        assert struck > 300 and untouched(model, before)
    finally:
        signal.signal(signal.SIGALRM, old)


class Stopped(BaseException):
    """What is set in a thread from outside."""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_asynchronous_error_in_another_thread_leaves_nothing(model):
    before, dice = fingerprint(model), random.Random(2)
    for _ in range(60):
        started = threading.Event()

        def work(started=started):
            started.set()
            try:
                for _ in range(40):
                    with edit(model, ZeroWeight("embed[0, :]"), DropMLP(1)):
                        pass
            except Stopped:
                pass

        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        time.sleep(dice.random() * 0.004)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
        thread.join()
        assert untouched(model, before)


def test_an_error_that_strikes_at_the_door_of_an_inner_edit_is_what_comes_out(model):
    """Set from another thread before the first line of the way out: the outer edit takes the inner one along."""
    before = fingerprint(model)
    inner, outer = edit(model, ScaleWeight("layers.0.mlp.down[1, 2]", 3.0)), edit(model, DropMLP(1))
    ways_out = 0

    def strike(frame, event, _):
        nonlocal ways_out
        if frame.f_code.co_name == "whole" and frame.f_locals.get("args", (None,))[0] is inner:
            ways_out += event == "line"
            if event == "line":
                raise Stopped
            return strike
        return None

    try:
        with pytest.raises(Stopped) as told, outer, inner:
            sys.settrace(strike)
    finally:
        sys.settrace(None)
    assert ways_out == 1 and told.value.__traceback__ is not None  # which still holds the inner edit
    assert untouched(model, before)


def held(model, *edits):
    """Hold an edit open as a generator does."""
    with edit(model, *edits):
        yield


def test_generators_left_out_of_order_are_told_and_all_is_back_with_the_last(model):
    before, handler = fingerprint(model), signal.getsignal(signal.SIGINT)
    first, second = held(model, ZeroWeight("embed[0, :]")), held(model, DropMLP(0))
    next(first), next(second)
    with pytest.raises(OutOfOrder, match="cannot be left before"):
        first.close()
    assert len(audit(model).active) == 2
    second.close()
    assert untouched(model, before) and signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)])
def test_every_order_of_leaving_ends_with_the_model_as_it_was(model, order):
    before = fingerprint(model)
    plans = (ScaleWeight("embed", 0.5), ZeroWeight("embed[0, :]"), DropMLP(1))
    opened = [held(model, plan) for plan in plans]
    for one in opened:
        next(one)
    for place in order:
        try:
            opened[place].close()
        except OutOfOrder:
            assert order != (2, 1, 0)
    assert untouched(model, before)


def test_two_models_that_share_a_weight_are_left_in_order_too(model):
    other = make("labkit")
    other.embed = model.embed
    before = fingerprint(model), fingerprint(other)
    first, second = held(model, ZeroWeight("embed[0, :]")), held(other, ScaleWeight("embed[0, :]", 3.0))
    next(first), next(second)
    with pytest.raises(OutOfOrder):
        first.close()
    second.close()
    assert untouched(model, before[0]) and untouched(other, before[1])


def test_an_edit_that_is_dropped_is_taken_back_with_a_warning(model):
    before = fingerprint(model)
    lost = held(model, DropMLP(0))
    next(lost)
    with pytest.warns(ResourceWarning, match="dropped without being left"):
        edit(make("labkit"), DropMLP(0)).__enter__()
        gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del lost  # closing it leaves the edit, as a generator should
    assert untouched(model, before)


def test_the_thread_that_entered_has_ended_and_there_is_a_way_back(model):
    before, kept = fingerprint(model), []

    def enter():
        kept.append(edit(model, ZeroWeight("embed[0, :]")))
        kept[0].__enter__()

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    with pytest.raises(Busy, match="has ended"), edit(model, DropMLP(0)):
        pass
    undo_all(model)
    assert untouched(model, before)
    with pytest.raises(OutOfOrder, match="not active"):
        kept[0].__exit__(None, None, None)


def test_a_generator_closed_by_another_thread_is_taken_back(model):
    before, opened = fingerprint(model), held(model, DropMLP(0))
    thread = threading.Thread(target=lambda: next(opened))
    thread.start()
    thread.join()
    opened.close()
    assert untouched(model, before)


def test_undo_all_under_a_body_that_goes_on_is_told_to_it(model):
    before = fingerprint(model)
    with pytest.raises(OutOfOrder, match="not active"), edit(model, DropMLP(0)):
        undo_all(model)
    assert untouched(model, before)


def test_weights_of_inference_mode_are_refused_in_words():
    with torch.inference_mode():
        model = make("labkit")
    with pytest.raises(ValueError, match="inference_mode"), edit(model, ZeroWeight("embed[0, :]")):
        pass


def test_an_error_that_strikes_while_the_lock_is_given_up_leaves_it_free(model, monkeypatch):
    class Stopped(BaseException):
        pass

    before, own, struck = fingerprint(model), threading.current_thread, []

    def current_thread():
        if sys._getframe(1).f_code.co_name == "finish" and not struck:
            struck.append(True)
            raise Stopped
        return own()

    with monkeypatch.context() as patched, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it takes itself back when it is dropped
        patched.setattr(threading, "current_thread", current_thread)
        try:
            with edit(model, DropMLP(1)):
                pass
        except Stopped:
            pass
        gc.collect()
    assert struck and untouched(model, before)
