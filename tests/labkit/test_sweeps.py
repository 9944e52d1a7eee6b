"""A sweep says what a plain loop of edits says, on every family, and computes no more than it must."""

import random
import threading

import pytest
import torch
from families import VOCAB, each_family, ids_of, make
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import labkit
from labkit.anatomy import anatomy_of, fingerprint, model_lock, record, sites
from labkit.base.errors import BadInput, UnknownName
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    FromRun,
    MaskNeurons,
    Plan,
    ReplaceActivation,
    ScaleWeight,
    SetWeight,
    Zero,
    ZeroWeight,
    edit,
)
from labkit.measurements import ChoiceMeasure, Question, choice_accuracy, kl, logits, loss
from labkit.models import Attention, DecoderConfig
from labkit.sweeps import every_block, every_sublayer, sweep, weights
from labkit.sweeps.reach import first_touched
from labkit.zoo import Handle

DEPTH = 3
TEXT = [ids_of(length, seed=number)[0] for number, length in enumerate((7, 7, 9))]


def plain_losses(model, plan, documents=TEXT):
    """Return each document's mean loss under a plan: no batches, no labkit measurement, no reuse."""
    losses = []
    with edit(model, plan), torch.no_grad():
        for ids in documents:
            probabilities = model(ids[None], use_cache=False).logits[0].double().log_softmax(-1)
            losses.append(-float(probabilities[:-1].gather(-1, ids[1:, None]).mean()))
    return losses


def assorted(model):
    """Return plans of every kind: each part left out, one number of each weight, each site replaced, several."""
    anatomy = anatomy_of(model)
    plans = every_sublayer(model) + every_block(model)[1:2]
    for name in anatomy.addresses():
        if "layers" not in name or "layers.1" in name:
            place = ", ".join(str(size // 2) for size in anatomy.view(name).shape)
            plans.append(ScaleWeight(f"{name}[{place}]", -3.0))
    for site in [site for site in sites(model) if "layers" not in site or "layers.1" in site]:
        plans.append(ReplaceActivation(site, Zero(), positions=(2,) if "attn" in site else None, channels=(1, 2)))
    plans += [
        ReplaceActivation("layers.1", FromRun(TEXT[2].tolist(), Plan(DropMLP(0))), positions=(1, 3)),
        MaskNeurons(1, (0, 5)),
        [DropAttention(2), DropMLP(0)],
        [MaskNeurons(2, (3,)), SetWeight("layers.1.mlp.down[0, :]", 0.5)],
        Plan(),
    ]
    return plans


@each_family
def test_a_sweep_equals_the_plain_loop(family):
    model = make(family, depth=DEPTH)
    torch.manual_seed(5)
    before, state = fingerprint(model), torch.get_rng_state()
    found = sweep(model, assorted(model), TEXT)
    assert (found.engine, found.reason, found.finished) == ("prefix", "", True)
    assert fingerprint(model) == before and torch.equal(torch.get_rng_state(), state)
    assert found.base.per_unit == pytest.approx(plain_losses(model, Plan()), abs=1e-5)
    for plan, point in zip(assorted(model), found):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, plan), abs=1e-5), point.label
    assert found[Plan()].change.value == 0.0
    assert sum(abs(point.change.value) > 1e-3 for point in found) > len(found) / 2


@pytest.mark.parametrize("family", ["labkit", "gemma2", "gpt_neox", "gptj", "phi3"])
def test_random_plans_of_several_edits_equal_the_plain_loop(family):
    model, draw = make(family, depth=DEPTH), random.Random(family)
    singles = [edit for plan in assorted(model) for edit in Plan(plan)]
    plans = [Plan(draw.sample(singles, draw.randint(1, 4))) for _ in range(20)]
    for plan, point in zip(plans, sweep(model, plans, TEXT)):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, plan), abs=1e-5), str(plan)


@each_family
def test_nothing_before_the_start_of_a_plan_is_touched_by_it(family):
    """The law behind reuse, tried on recorded activations: up to its start a plan changes nothing."""
    model = make(family, depth=DEPTH)
    wanted = ["embed"] + [f"layers.{k}{part}" for k in range(DEPTH) for part in (".attn.heads", "")]
    clean = record(model, TEXT[0], wanted)
    starts = set()
    for plan in map(Plan, assorted(model)):
        start = first_touched(model, plan)
        starts.add(start)
        # What enters an output projection stands before start 2k + 1, what leaves block k before 2k + 2.
        before = [site for site, place in zip(wanted, range(2 * DEPTH + 1)) if place <= start]
        before = [site for site in before if site not in {getattr(edit, "site", None) for edit in plan}]
        with edit(model, plan):
            cut = record(model, TEXT[0], before) if before else {}
        for site in before:
            assert torch.equal(cut[site], clean[site]), f"{plan} starts at {start} and changes {site}"
    assert starts == set(range(2 * DEPTH + 1))


@pytest.mark.parametrize(
    ("family", "plan", "start"),
    [
        ("qwen2", ZeroWeight("layers.1.attn.q[0, 0]"), 2),
        ("qwen2", ZeroWeight("layers.1.attn_norm[0]"), 2),
        ("qwen2", ZeroWeight("layers.1.mlp_norm[0]"), 3),
        ("qwen2", ZeroWeight("layers.1.mlp.gate[0, 0]"), 3),
        ("qwen2", DropAttention(2), 4),
        ("qwen2", DropMLP(2), 5),
        ("qwen2", DropBlock(2), 4),
        ("qwen2", MaskNeurons(2, (0,)), 5),
        ("qwen2", ReplaceActivation("layers.1.attn", Zero()), 3),
        ("qwen2", ReplaceActivation("layers.1", Zero()), 4),
        ("qwen2", ReplaceActivation("embed", Zero()), 0),
        ("qwen2", [DropMLP(2), DropMLP(1)], 3),
        ("qwen2", ZeroWeight("final_norm[0]"), 6),
        ("qwen2", Plan(), 6),
        ("phi3", ZeroWeight("head[0, 0]"), 6),
        ("llama", ZeroWeight("head[0, 0]"), 0),  # tied: the same number is an embedding
        ("gpt2", ZeroWeight("positions[0, 0]"), 0),
        ("gptj", ZeroWeight("layers.1.mlp_norm[0]"), 2),  # one norm in front of both
        ("gemma2", ZeroWeight("layers.1.attn_post_norm[0]"), 3),
        ("labkit", DropAttention(1), 2),
        ("labkit", DropMLP(1), 3),
    ],
)
def test_a_plan_starts_as_late_as_it_can(family, plan, start):
    assert first_touched(make(family, depth=DEPTH), Plan(plan)) == start


class Counting(TorchDispatchMode):
    """Count the multiply-adds of matrix products and attention (twice over), as torch's own flop counter does."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=output)
        return output


def flops(work):
    with Counting() as counting:
        work()
    return counting.total


@pytest.mark.parametrize("family", ["labkit", "hub"])
def test_leave_one_out_over_all_sublayers_is_at_the_arithmetic_floor(family):
    depth, text = 12, [torch.arange(256) % 31 for _ in range(2)]
    config = DecoderConfig(vocab=32, width=48, depth=depth, heads=2, ffn=128, context=256)
    model = config.build() if family == "labkit" else labkit.models.to_llama(config.build())
    plans = every_sublayer(model)
    one = flops(lambda: loss(model, text))
    attention = one - flops(lambda: _under(model, plans[0], text))
    mlp = one - flops(lambda: _under(model, plans[1], text))
    head = one - depth * (attention + mlp)
    # What no method can avoid: one intact pass, then per edit all that comes after it, and the head.
    after = [k * (attention + mlp) + part for k in range(depth) for part in (0, mlp)]
    floor = one + sum(after) + len(plans) * head
    plain = one + depth * (one - attention) + depth * (one - mlp)
    found = []
    made = flops(lambda: found.append(sweep(model, plans, text)))
    assert attention > 0 and mlp > 0 and head > 0
    assert floor <= made <= 1.03 * floor
    assert made < 0.54 * plain
    assert found[0].work == {"made": 24 + 300, "plain": 24 + 24 * 24}


def _under(model, plan, text):
    with edit(model, plan):
        loss(model, text)


def test_the_probe_is_made_once_per_state_of_a_model():
    model = make("llama", depth=DEPTH)
    plans = [DropMLP(2)]
    first, second = (flops(lambda: sweep(model, plans, TEXT)) for _ in range(2))
    assert second < first
    with edit(model, DropAttention(0)):
        assert flops(lambda: sweep(model, plans, TEXT)) > second - flops(lambda: _under(model, [], TEXT))
        assert sweep(model, plans, TEXT).engine == "prefix"


@pytest.mark.parametrize("memory", [0, 200, 700, 1400])
def test_a_small_memory_costs_time_and_nothing_else(memory):
    model = make("llama", depth=4)
    full, tight = sweep(model, every_sublayer(model), TEXT), sweep(model, every_sublayer(model), TEXT, memory=memory)
    assert tight.values == full.values
    assert tight.work["made"] > full.work["made"] and "starts fit in" in tight.reason
    assert tight.work["made"] < tight.work["plain"] or memory < 2000


# Models that a naive reuse would get wrong.


class Remembering(Attention):
    """Attention that leaves its keys and values for later blocks and reads the first block's."""

    def keys_values(self, x_BLD, state):
        state.memory[self.layer] = super().keys_values(x_BLD, state)
        return tuple(own + first for own, first in zip(state.memory[self.layer], state.memory[0]))


class RememberingConfig(DecoderConfig):
    def attention(self, layer):
        return Remembering(self.width, self.heads, layer=layer)


def test_what_later_blocks_read_from_earlier_ones_is_kept_too():
    model = RememberingConfig(vocab=VOCAB, width=8, depth=4, heads=2, ffn=12, context=64, init_std=0.4).build()
    plans = every_sublayer(model)[1:]  # without the first block's keys nothing runs, cut or not
    found = sweep(model, plans, TEXT)
    assert (found.engine, found.reason) == ("prefix", "")
    for plan, point in zip(plans, found):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, plan), abs=1e-5)


class Whisper(nn.Module):
    """An MLP that reads what its block's attention saw, past the stream."""

    def __init__(self, mlp, attention):
        super().__init__()
        self.mlp, self.heard = mlp, []
        attention.register_forward_hook(lambda module, args, output: self.heard.append(args[0]))

    def forward(self, x_BLD, state=None):
        return self.mlp(x_BLD + self.heard[-1], state)


def test_starts_that_do_not_reproduce_the_intact_pass_are_not_used():
    model = make("labkit", depth=4)
    block = model.trunk.blocks[2]
    block.mlp.mixer = Whisper(block.mlp.mixer, block.attention.mixer.o)
    plans = [DropMLP(layer) for layer in range(4)] + [ZeroWeight("layers.2.mlp_norm[3]"), DropAttention(3)]
    found = sweep(model, plans, TEXT)
    assert found.engine == "prefix" and "1 of 8 starts (after the attention of block 2" in found.reason
    for plan, point in zip(plans, found):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, plan), abs=1e-5)


def leaky(model):
    """Make every block but the first add what the first returned in this pass: more than the stream is carried."""
    blocks, seen = anatomy_of(model).blocks, []
    own = type(blocks[0].module).forward

    def first(self, hidden_states, *args, **kwargs):
        seen[:] = [own(self, hidden_states, *args, **kwargs)]
        return seen[0]

    def later(self, hidden_states, *args, **kwargs):
        return own(self, hidden_states + seen[0], *args, **kwargs)

    for number, block in enumerate(blocks):
        block.module.forward = (later if number else first).__get__(block.module)


def in_place(model):
    """Make every block write into the stream it is given."""
    for block in anatomy_of(model).blocks:
        own = block.module.forward
        block.module.forward = lambda hidden_states, *args, own=own, **kwargs: own(
            hidden_states.mul_(1.01), *args, **kwargs
        )


def unrecordable(model):
    """Make the last block fail unless it is called as it was built."""
    block = anatomy_of(model).blocks[-1].module
    own = block.forward
    block.forward = lambda *args, **kwargs: own(*args, **kwargs)
    before = anatomy_of(model).blocks[-2].module

    def suspicious(self, hidden_states, *args, **kwargs):
        if type(before.forward).__module__.startswith("labkit"):
            raise RuntimeError("somebody is watching")
        return own(hidden_states, *args, **kwargs)

    block.forward = suspicious.__get__(block)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(leaky, "does not reproduce"), (in_place, "in place"), (unrecordable, "could not be recorded")],
)
def test_a_model_that_cannot_be_continued_is_swept_plainly_and_the_sweep_says_so(spoil, why):
    model = make("qwen2", depth=DEPTH)
    spoil(model)
    plans = [DropMLP(1), DropAttention(2), ZeroWeight("layers.2.mlp.down"), MaskNeurons(1, (2,))]
    found = sweep(model, plans, TEXT)
    assert why in found.reason
    if spoil is not leaky:
        assert found.engine == "plain" and found.work["made"] == found.work["plain"]
    for plan, point in zip(plans, found):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, plan), abs=1e-5)


def test_the_plain_engine_can_be_asked_for():
    model = make("mistral", depth=DEPTH)
    plain, reused = (sweep(model, assorted(model), TEXT, engine=engine) for engine in ("plain", "prefix"))
    assert (plain.engine, plain.reason) == ("plain", "asked for")
    assert plain.work["made"] == plain.work["plain"] == reused.work["plain"] > reused.work["made"]
    for one, other in zip(plain, reused):
        assert one.measured.per_unit == pytest.approx(other.measured.per_unit, abs=1e-5)


# Other measures, other circumstances.


def test_kl_in_a_sweep_is_kl_of_the_logits():
    model = make("gemma2", depth=DEPTH)
    intact = logits(model, TEXT)
    found = sweep(model, every_sublayer(model), TEXT, "kl")
    assert found.base.value == 0.0 and found.unit == "nats/position"
    for plan, point in zip(every_sublayer(model), found):
        with edit(model, plan):
            expected = kl(intact, logits(model, TEXT))
        assert point.measured.per_unit == pytest.approx(expected.per_unit, abs=2e-6)
        assert point.value == pytest.approx(expected.value, abs=2e-6) and point.change.null == 0.0


def test_kl_of_a_text_whose_logits_would_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr("labkit.sweeps.engine.MOST_INTACT_LOGITS", 1000)
    with pytest.raises(BadInput, match="KL compares with the intact logits"):
        sweep(make("llama"), [DropMLP(0)], TEXT, "kl")


def test_multiple_choice_in_a_sweep_is_choice_accuracy_of_the_cut_model():
    model = make("llama", depth=DEPTH)
    draw = random.Random(0)
    token = lambda: draw.randrange(VOCAB)  # noqa: E731
    questions = [Question((token(), token()), ((token(),), (token(), token())), draw.randrange(2)) for _ in range(20)]
    found = sweep(model, every_sublayer(model), measure=ChoiceMeasure(tuple(questions)))
    assert found.over == "questions" and len(found.intact) == 20
    for plan, point in zip(every_sublayer(model), found):
        with edit(model, plan):
            expected = choice_accuracy(model, questions)
        assert (point.value, point.measured.low) == pytest.approx((expected.value, expected.low))


def test_a_sweep_may_run_inside_an_edit_and_inside_training():
    model = make("gpt2", depth=DEPTH).train()
    outer = [ReplaceActivation("layers.0", Zero(), channels=(2,)), ScaleWeight("layers.1.mlp.up", 0.5)]
    before = fingerprint(model)
    with edit(model, outer):
        found = sweep(model, every_sublayer(model), TEXT)
    assert found.engine == "prefix" and fingerprint(model) == before
    model.eval()
    for plan, point in zip(every_sublayer(model), found):
        assert point.measured.per_unit == pytest.approx(plain_losses(model, Plan([outer, plan])), abs=1e-5)


def test_a_sweep_holds_the_models_lock():
    model, taken = make("labkit"), []

    def curious(step):
        other = threading.Thread(target=lambda: taken.append(model_lock(model).acquire(blocking=False)))
        other.start()
        other.join()

    sweep(model, every_sublayer(model), TEXT, progress=curious)
    assert taken == [False] * 4
    assert model_lock(model).acquire(blocking=False)
    model_lock(model).release()


class Letters:
    """A tokenizer: one piece per letter."""

    bos = 0

    def encode(self, text):
        return [ord(letter) % VOCAB for letter in text]


def test_a_handle_brings_its_name_and_its_tokenizer():
    handle = Handle("lab/letters", make("labkit"), Letters())
    texts, plans = (
        ["lantern", "ferry"],
        [ReplaceActivation("layers.0", FromRun("ferryman"), positions=(1,)), DropMLP(0)],
    )
    found = sweep(handle, plans, texts)
    assert found.model == "lab/letters" and (found.documents, found.tokens) == (2, 14)
    bare = sweep(handle.model, plans[1:], [handle.encode(text) for text in texts])
    assert bare.model == "Decoder" and bare[DropMLP(0)].measured == found[DropMLP(0)].measured


def test_the_lists_of_plans():
    model = make("qwen3", depth=2)
    names = [str(plan) for plan in every_sublayer(model)]
    assert names == [
        f"drop {part} of layer {k}".replace("MLP of", "MLP of") for k in (0, 1) for part in ("attention", "MLP")
    ]
    assert [str(plan) for plan in every_block(model)] == ["drop block 0", "drop block 1"]
    assert weights(["head[0, 1]"]) == [Plan(ZeroWeight("head[0, 1]"))]
    assert weights(["head[0, 1]"], 2) == [Plan(ScaleWeight("head[0, 1]", 2.0))]


@pytest.mark.parametrize(
    ("plans", "error", "message"),
    [
        ([], BadInput, "no plans"),
        ([DropMLP(0), DropMLP(7)], BadInput, "no layer 7"),
        ([ZeroWeight("layers.0.mlp.down[99, 0]")], BadInput, "out of range"),
        ([ZeroWeight("layers.0.attn_post_norm[0]")], UnknownName, "no address"),
        (["drop everything"], BadInput, "not an edit"),
        ([ReplaceActivation("layers.0.mlp.nurons", Zero())], UnknownName, "layers.0.mlp.neurons"),
    ],
)
def test_bad_plans_are_told_before_anything_is_run(plans, error, message):
    model = make("llama")
    calls = []
    model.register_forward_pre_hook(lambda *of: calls.append(1))
    before = fingerprint(model)
    with pytest.raises(error, match=message):
        sweep(model, plans, TEXT)
    assert not calls and fingerprint(model) == before


def test_unknown_measures_and_engines_are_told():
    with pytest.raises(UnknownName, match="loss"):
        sweep(make("llama"), [DropMLP(0)], TEXT, "los")
    with pytest.raises(UnknownName, match="prefix"):
        sweep(make("llama"), [DropMLP(0)], TEXT, engine="fast")
    with pytest.raises(BadInput, match="no documents"):
        sweep(make("llama"), [DropMLP(0)])
