"""What can go wrong while models are edited: each function edits, lets it go wrong, and returns when it is over.

`operate` enters plans one inside the other. The others do so while a Ctrl-C, an alarm or an error from another thread
strikes, while memory is full on the way in or out, in coroutines and generators that end in any order, in threads that
end first, or beside other threads that want the same model.
"""

from __future__ import annotations

import asyncio
import ctypes
import random
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from families import ids_of

import labkit
from labkit.anatomy.view import View
from labkit.base.errors import ModelChanged, OutOfOrder
from labkit.interventions import DropMLP, ScaleWeight, apply, edit, undo_all

__all__ = ["PRESSURES", "Surprise", "ctrl_c_at", "operate"]

# Our own code, and torch's that turns gradients off and on: a Ctrl-C inside of that leaves them off.
OURS = (
    *(str(Path(labkit.__file__).parent / part) for part in ("interventions", "anatomy", "base/interrupts")),
    torch.autograd.grad_mode.__file__,
)


class Surprise(Exception):
    """What an example throws."""


class Alarm(Exception):
    """What the handler of a user raises."""


class Stopped(BaseException):
    """What is set in a thread from outside."""


def operate(model, levels, event, where, depth=0):
    """Enter the levels one inside the other; do at `where` what the example wants; leave them all."""
    if event == "raise" and depth == where:
        raise Surprise("in the body")
    if event == "interrupt" and depth == where:
        raise KeyboardInterrupt
    if depth < len(levels):
        with edit(model, levels[depth]):
            operate(model, levels, event, where, depth + 1)
    elif event == "run":
        model(ids_of(6))
    elif event == "draw":
        torch.rand(3), np.random.rand(), random.random()
    elif event == "apply":
        apply(model, DropMLP(0), ScaleWeight("embed", 2.0))


# ------------------------------------------------------------------------------------------- something strikes


# Raising in a Python trace function would strike at instants at which no real Ctrl-C can. This C function only marks
# the signal as arrived; the interpreter delivers it at its next own check, as it does with one from the keyboard.
_as_tracer = ctypes.PYFUNCTYPE(None, *[ctypes.py_object] * 3)
mark_sigint = _as_tracer(("PyErr_SetInterrupt", ctypes.pythonapi))
ignore = _as_tracer(("Py_IsInitialized", ctypes.pythonapi))


@contextmanager
def ctrl_c_at(line):
    """Let SIGINT arrive at the `line`-th line of our own code (or of the `with` around it); yield whether it did.

    A signal that was sent must have been delivered by the end. (The mark is made anew at each line of that frame until
    then, so that one that waits may come twice.)
    """
    left, sent, delivered = line, [], []

    def trace(frame, event, _):
        nonlocal left
        if sent:  # a generator that slept through it all may wake up and still be followed
            return None
        if not frame.f_code.co_filename.startswith(OURS) and frame.f_code is not operate.__code__:
            return None
        left -= event in ("call", "line")
        if left > 0:
            return trace
        sent.append(line)
        sys.settrace(ignore)  # calls from here on are not followed, nor are the callers: no Python of ours may run
        outer = frame.f_back
        while outer is not None:
            outer.f_trace, outer = None, outer.f_back
        return mark_sigint  # at the next line of this frame

    def deliver(number, frame):
        sys.settrace(None)
        delivered.append(line)
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGINT, deliver), sys.gettrace()
    sys.settrace(trace)
    try:
        yield sent
    finally:
        sys.settrace(earlier[1])
        assert signal.getsignal(signal.SIGINT) is deliver, "SIGINT is back in its place"
        signal.signal(signal.SIGINT, earlier[0])
    assert delivered[:1] == sent


def alarmed(model, levels, microseconds):
    """Operate while an alarm of the user's, whose handler raises, comes after so many microseconds."""
    struck = []

    def ring(number, frame):
        struck.append(number)
        raise Alarm

    def until_it_rings():
        try:
            signal.setitimer(signal.ITIMER_REAL, microseconds * 1e-6)
            operate(model, levels, "nothing", 0)
            while not struck:
                time.sleep(1e-4)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    earlier = signal.signal(signal.SIGALRM, ring)
    try:
        with suppress(Alarm):
            until_it_rings()
        assert signal.getsignal(signal.SIGALRM) is ring, "SIGALRM is back in its place"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


def stopped(model, levels, microseconds):
    """Operate in a thread, again and again, into which another sets an error after so many microseconds."""
    started, over, odd = threading.Event(), threading.Event(), []

    def work():
        try:
            started.set()
            while not over.is_set():
                with suppress(Surprise):
                    operate(model, levels, "nothing", 0)
        except Stopped:
            pass
        except BaseException as error:  # whatever else comes out is not what was set
            odd.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    time.sleep(microseconds * 1e-6)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
    over.set()
    thread.join()
    assert not odd, odd


# ------------------------------------------------------------------------------------- edits left in any order


def held(model, edits):
    """Hold an edit open, as a generator does."""
    with edit(model, edits):
        yield


def opened(model, levels):
    """Return generators that hold the levels open, those left out whose edits cannot be made."""
    made = []
    for level in levels:
        one = held(model, level)
        with suppress(Surprise):
            next(one)
            made.append(one)
    return made


def interleaved(model, levels, seed):
    """End generators in an order of their own; who ends too early is told."""
    made = opened(model, levels)
    random.Random(seed).shuffle(made)
    for one in made:
        with suppress(OutOfOrder):
            one.close()


def coroutines(model, levels, seed):
    """Run a task for each level, each inside its edit for some turns; some are cancelled, some end too early."""
    dice = random.Random(seed)

    async def one(level, turns):
        with edit(model, level):
            for _ in range(turns):
                await asyncio.sleep(0)

    async def together():
        tasks = [asyncio.ensure_future(one(level, dice.randrange(5))) for level in levels]
        for _ in range(dice.randrange(5)):
            await asyncio.sleep(0)
        if dice.random() < 0.5:
            dice.choice(tasks).cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = asyncio.run(together())
    told = (Surprise, OutOfOrder, asyncio.CancelledError, type(None))
    assert all(isinstance(error, told) for error in found), found


def abandoned(model, levels, _):
    """Let a thread enter the levels and end; another takes them back."""
    kept = []
    thread = threading.Thread(target=lambda: kept.extend(opened(model, levels)))
    thread.start()
    thread.join()
    undo_all(model)
    for one in kept:  # each is told that it was
        with suppress(OutOfOrder):
            one.close()


def rivals(model, levels, seed):
    """Let three threads operate on the model at once; each waits for the others."""
    dice, odd = random.Random(seed), []

    def work(order, pause):
        try:
            for _ in range(2):
                with suppress(Surprise):
                    operate(model, order, "nothing", 0)
                time.sleep(pause)
        except BaseException as error:
            odd.append(error)

    threads = [
        threading.Thread(target=work, args=(dice.sample(levels, len(levels)), dice.random() * 1e-3)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not odd, odd


# ------------------------------------------------------------------------------------------------- full memory


@contextmanager
def scarce(names, first, failures):
    """Let `failures` calls of these methods of a view fail, from the `first` on; yield what failed."""
    real, calls, failed = {name: getattr(View, name) for name in names}, [0], []

    def failing(name):
        def method(self, *args):
            calls[0] += 1
            if first <= calls[0] and len(failed) < failures:
                failed.append(name)
                raise MemoryError("no room") if calls[0] % 2 else RuntimeError("can't allocate memory")
            return real[name](self, *args)

        return method

    for name in names:
        setattr(View, name, failing(name))
    try:
        yield failed
    finally:
        for name, method in real.items():
            setattr(View, name, method)


def no_memory_to_leave(model, levels, failures):
    """Leave the levels while the next writes fail; then try again with room."""
    made = opened(model, levels)
    with scarce(["write_stored"], 1, failures):
        for one in reversed(made):
            with suppress(ModelChanged, OutOfOrder):
                one.close()
    undo_all(model)


def no_memory(model, levels, seed):
    """Operate while reading, writing and comparing fail somewhere on the way; then try again with room."""
    dice = random.Random(seed)
    with (
        scarce(["read_stored", "write_stored", "holds"], dice.randrange(1, 30), dice.randrange(1, 6)) as failed,
        suppress(Surprise),
    ):
        try:
            operate(model, levels, "nothing", 0)
        except (ModelChanged, MemoryError, RuntimeError) as error:
            assert failed, error
    undo_all(model)


PRESSURES = {  # event -> (function, the largest number it takes)
    "alarm": (alarmed, 4000),
    "stopped": (stopped, 4000),
    "interleaved": (interleaved, 40),
    "coroutines": (coroutines, 10_000),
    "abandoned": (abandoned, 1),
    "rivals": (rivals, 10_000),
    "no memory to leave": (no_memory_to_leave, 5),
    "no memory": (no_memory, 10_000),
}
