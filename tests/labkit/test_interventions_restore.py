"""Nesting, order, strangers, threads, copies and the audit: who may do what to a model, and who is told."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import pytest
import torch
from families import cached_logits, each_family, ids_of, logits, make

from labkit.anatomy import anatomy_of, fingerprint, model_lock, view
from labkit.base.errors import BadInput, Busy, ModelChanged, OutOfOrder
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    FromRun,
    MaskNeurons,
    Plan,
    ReplaceActivation,
    RestoreActivation,
    ScaleWeight,
    SetWeight,
    WeightEdit,
    Zero,
    ZeroWeight,
    apply,
    audit,
    edit,
    undo_all,
)

SPOT = "layers.0.mlp.down[1, 2]"


def test_the_same_address_edited_twice_nests():
    model = make("gpt2")
    before, value = fingerprint(model), view(model, SPOT).read()
    with edit(model, SetWeight(SPOT, 3.0), ScaleWeight(SPOT, 2.0)):
        assert view(model, SPOT).read() == 6.0
        with edit(model, ScaleWeight("layers.0.mlp.down", 0.5), DropMLP(0), DropMLP(0)):
            assert view(model, SPOT).read() == 3.0
            with edit(model, DropMLP(0), ZeroWeight(SPOT)):
                assert view(model, SPOT).read() == 0.0
            assert view(model, SPOT).read() == 3.0
        assert view(model, SPOT).read() == 6.0
    assert view(model, SPOT).read() == value and fingerprint(model) == before


def test_leaving_out_of_order_raises_and_changes_nothing():
    model = make("llama")
    before = fingerprint(model)
    first, second = edit(model, SetWeight(SPOT, 3.0)), edit(model, DropMLP(1))
    first.__enter__()
    second.__enter__()
    inside = fingerprint(model)
    with pytest.raises(OutOfOrder, match="drop MLP of layer 1"):
        first.__exit__(None, None, None)
    assert fingerprint(model) == inside and len(audit(model).active) == 2
    second.__exit__(None, None, None)
    first.__exit__(None, None, None)
    assert fingerprint(model) == before
    with pytest.raises(OutOfOrder, match="not active"):
        first.__exit__(None, None, None)
    with first:  # once left, it may be used again
        assert view(model, SPOT).read() == 3.0
        with pytest.raises(OutOfOrder, match="already active"):
            first.__enter__()
    assert fingerprint(model) == before


def test_edits_entered_and_lost_can_all_be_undone():
    model = make("llama")
    before = fingerprint(model)
    for made in (DropMLP(0), ZeroWeight("embed"), MaskNeurons(1, (2,))):
        edit(model, made).__enter__()
    undo_all(model)
    assert fingerprint(model) == before and audit(model).clean
    assert model_lock(model).acquire(blocking=False)
    undo_all(model)


@pytest.mark.parametrize("body_fails", [False, True])
def test_a_weight_that_somebody_else_changed_is_put_back_and_reported(body_fails):
    model = make("phi3")
    before = fingerprint(model)
    with pytest.raises(ModelChanged, match=r"layers\.0\.attn\.k \(1 of 32 numbers, the first is now 9") as caught:  # noqa: SIM117
        with edit(model, DropMLP(1), ZeroWeight("layers.0.attn.k"), ScaleWeight("layers.1.mlp.up", 2.0)):
            view(model, "layers.0.attn.k[2, 3]").write(9.0)
            if body_fails:
                raise RuntimeError("in the body")
    assert fingerprint(model) == before and audit(model).clean
    assert caught.value.found["layers.0.attn.k"][2, 3] == 9.0, "nothing is lost: the error holds what was found"
    assert isinstance(caught.value.__context__, RuntimeError) == body_fails
    assert model_lock(model).acquire(blocking=False)


def test_a_training_step_on_an_edited_model_is_reported_and_leaves_nothing_of_ours():
    model = make("llama")
    with pytest.raises(ModelChanged, match="embed"), edit(model, SetWeight("embed[3, :]", 0.7)):
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        ids = ids_of(6)
        model(ids, labels=ids).loss.backward()
        optimiser.step()
    assert not (view(model, "embed[3, :]").read() == 0.7).any()
    assert audit(model).clean


def test_minus_zero_and_nan_count_as_written():
    model = make("llama")
    with pytest.raises(ModelChanged), edit(model, ZeroWeight(SPOT)):
        view(model, SPOT).write(-0.0)
    view(model, SPOT).write(float("nan"))
    before = fingerprint(model)
    with edit(model, ScaleWeight("layers.0.mlp.down", 2.0)):  # NaN stays NaN: nobody changed it
        pass
    assert fingerprint(model) == before


def test_a_foreign_override_or_a_removed_hook_is_reported():
    model = make("llama")
    before, mlp = fingerprint(model), model.model.layers[0].mlp
    with pytest.raises(ModelChanged, match=r"forward of layers\.0"), edit(model, DropMLP(0)):
        mlp.forward = lambda x: x
    assert fingerprint(model) == before
    with pytest.raises(ModelChanged, match=r"hook at layers\.0"), edit(model, MaskNeurons(0, (1,))):
        mlp.down_proj._forward_pre_hooks.clear()
    assert audit(model).clean


def test_an_override_that_was_there_is_put_back():
    model = make("llama")
    mlp = model.model.layers[0].mlp
    mine = mlp.forward = lambda x: 2 * x
    with edit(model, DropMLP(0)):
        assert mlp.forward is not mine
    assert vars(mlp)["forward"] is mine


def test_moving_the_model_meanwhile_is_nobodys_writing():
    model = make("llama")
    wanted = fingerprint(make("llama").double())
    with edit(model, ZeroWeight("layers.0.attn.q[1, :]")):
        model.double()
    assert fingerprint(model) == wanted


class Explosive(WeightEdit):
    """An edit that fails halfway through the installation of a plan."""

    def values(self, old):
        raise ZeroDivisionError

    def __str__(self):
        return "explode"


def test_an_installation_that_fails_halfway_is_taken_back():
    model = make("gemma3")
    before = fingerprint(model)
    with pytest.raises(ZeroDivisionError), edit(model, DropBlock(0), ZeroWeight("head"), Explosive("embed")):
        pytest.fail("the body must not run")
    assert fingerprint(model) == before and audit(model).clean
    assert model_lock(model).acquire(blocking=False)


def test_another_thread_waits_its_turn_or_is_told():
    model, entered, leave, seen = make("llama"), threading.Event(), threading.Event(), []

    def hold():
        with edit(model, SetWeight(SPOT, 3.0)):
            entered.set()
            leave.wait(10)

    def follow():
        with edit(model, ScaleWeight(SPOT, 2.0)):
            seen.append(float(view(model, SPOT).read()))

    value = float(view(model, SPOT).read())
    holder, follower = threading.Thread(target=hold), threading.Thread(target=follow)
    holder.start()
    entered.wait(10)
    with pytest.raises(Busy, match="in use elsewhere"), edit(model, ZeroWeight(SPOT), timeout=0.0):
        pytest.fail("the body must not run")
    follower.start()
    with edit(make("llama"), ZeroWeight(SPOT), timeout=0.0):
        pass  # another model is free
    assert not seen
    leave.set()
    holder.join(10)
    follower.join(10)
    assert seen == [2 * value] and audit(model).clean


def test_an_edit_is_left_by_the_thread_that_entered_it():
    model, raised = make("llama"), []
    editing = edit(model, ZeroWeight(SPOT))
    editing.__enter__()

    def leave():
        try:
            editing.__exit__(None, None, None)
        except OutOfOrder as error:
            raised.append(error)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join(10)
    assert len(raised) == 1 and len(audit(model).active) == 1
    editing.__exit__(None, None, None)


def a_plan():
    return Plan(
        [
            DropAttention(0),
            MaskNeurons(1, (0, 2)),
            ScaleWeight("layers.1.attn.v[2, :]", -1.5),
            ReplaceActivation("layers.0.mlp", FromRun((1, 2, 3), [ZeroWeight("embed[1, :]")]), channels=(1,)),
            RestoreActivation("layers.1", (4, 5), positions=(0,)),
        ]
    )


@each_family
def test_a_copy_edited_for_good_does_what_the_edit_does(family):
    model, ids = make(family), ids_of(7)
    before = fingerprint(model)
    with edit(model, a_plan()):
        expected = logits(model, ids)
    twin = apply(model, a_plan())
    assert torch.equal(logits(twin, ids), expected)
    assert fingerprint(model) == before and not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    assert (cached_logits(twin, ids, 3) - expected).abs().max() <= 1e-5
    assert audit(twin).applied == tuple(map(str, a_plan())) and audit(model).clean
    assert not audit(twin).hooks and not audit(twin).forwards, "what we put there is ours"


@each_family
def test_a_copy_of_the_copy_stands_on_its_own_and_can_be_edited(family):
    model, ids = make(family), ids_of(7)
    twin = apply(model, a_plan())
    third = copy.deepcopy(twin)
    assert fingerprint(third) == fingerprint(twin) and audit(third) == audit(twin)
    expected = logits(twin, ids)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    del twin
    gc.collect()
    assert torch.equal(logits(third, ids), expected), "nothing of the first copy is shared"
    before = fingerprint(third)
    with edit(third, DropAttention(0), DropMLP(1), ZeroWeight("final_norm" if family != "olmo" else "head")):
        logits(third, ids)
    assert fingerprint(third) == before and torch.equal(logits(third, ids), expected)


def test_apply_takes_along_what_is_active_and_leaves_it_active():
    model, ids = make("qwen3"), ids_of(5)
    with edit(model, DropMLP(0)):
        inside = fingerprint(model)
        with edit(model, DropAttention(1)):
            expected = logits(model, ids)
        twin = apply(model, DropAttention(1))
        assert fingerprint(model) == inside
    assert torch.equal(logits(twin, ids), expected)
    assert audit(twin).applied == ("drop MLP of layer 0", "drop attention of layer 1")
    assert audit(apply(twin, ZeroWeight("embed"))).applied[-1] == "zero embed"
    assert logits(model, ids).ne(expected).any()


def test_a_copy_can_be_trained_and_pickled():
    twin = apply(make("llama"), DropAttention(0), MaskNeurons(1, (3,)))
    ids = ids_of(8)
    twin(ids, labels=ids).loss.backward()
    torch.optim.SGD(twin.parameters(), lr=0.1).step()
    again = pickle.loads(pickle.dumps(twin))
    assert torch.equal(logits(again, ids), logits(twin, ids))
    assert anatomy_of(twin).blocks[0].attention.module.q_proj.weight.grad is None, "a dropped part is not trained"


def test_the_audit_names_edits_strangers_and_places():
    model = make("llama")
    assert audit(model).clean and "Nothing is edited" in str(audit(model))
    model.model.norm.forward = copy.copy
    handle = model.lm_head.register_forward_hook(print)
    with edit(model, ZeroWeight(SPOT)), edit(model, ReplaceActivation("layers.0", Zero(), positions=(2,))):
        found = audit(model)
    assert found.active == (f"zero {SPOT}", "replace layers.0, position 2 by zero")
    assert found.forwards == ("model.norm: copy.copy",) and found.hooks == ("lm_head: builtins.print (forward hook)",)
    for line in (*found.active, *found.forwards, *found.hooks):
        assert line in str(found)
    handle.remove()
    del model.model.norm.forward
    assert audit(model).clean


def test_a_model_that_was_edited_can_be_forgotten():
    model = make("labkit")
    with edit(model, DropMLP(0), RestoreActivation("layers.1", (1, 2))):
        pass
    ghost = weakref.ref(model)
    del model
    gc.collect()
    assert ghost() is None


def test_edits_need_a_model_they_know():
    with pytest.raises(BadInput):
        edit("llama", DropMLP(0))
    with pytest.raises(BadInput, match=r"families\.py"), edit(torch.nn.Linear(2, 2), DropMLP(0)):
        pass
