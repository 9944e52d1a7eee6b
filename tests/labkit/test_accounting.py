"""Costs by formula against counted weights, counted FLOPs, measured caches, and the numbers that were published."""

from dataclasses import replace

import pytest
import torch
from families import ids_of, make
from torch.utils.flop_counter import FlopCounterMode

from labkit.base.errors import BadInput
from labkit.figures import describe, draw
from labkit.interventions import DropAttention, DropBlock, DropMLP, drops, shrink
from labkit.measurements.accounting import PUBLISHED, ModelSizes, cache_table, cache_text, degradation_ratio, sizes_of
from labkit.measurements.speed import cache_size, speed_test
from labkit.models import DecoderConfig

PLAN = (DropAttention(0), DropAttention(2), DropBlock(1))


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_published_models_have_the_published_number_of_parameters():
    counted = {name: sizes.parameters for name, sizes in PUBLISHED.items()}
    assert counted == {
        "Llama-2-13B": 13_015_864_320,
        "Mistral-7B": 7_241_732_096,
        "Llama-2-70B": 68_976_648_192,
        "Llama-3-8B": 8_030_261_248,
        "Llama-3-70B": 70_553_706_496,
    }


def test_table_4_by_the_formula():
    rows = {row.model: row for row in cache_table()}
    assert rows["Mistral-7B"].bytes[0] == 2 * 32 * 1024 * 2 * 64 * 2048 == 16 << 30
    assert rows["Llama-2-13B"].bytes[0] == 2 * 40 * 5120 * 2 * 32 * 2048 == 50 << 30
    found = {name: row.gibibytes for name, row in rows.items()}
    assert found == {
        "Llama-2-13B": (50.0, 25.0),  # the paper prints 52 and 26
        "Mistral-7B": (16.0, 10.0),
        "Llama-2-70B": (20.0, 10.0),
        "Llama-3-8B": (16.0, 10.0),
        "Llama-3-70B": (20.0, 10.0),
    }
    assert [name for name, row in rows.items() if not row.exact] == ["Llama-2-13B"]
    assert "Mistral-7B" in cache_text(cache_table())


def test_the_degradation_ratio_is_the_papers_arithmetic():
    assert degradation_ratio(68.2, 61.9, 1.08) == pytest.approx(0.79, abs=0.005)
    assert degradation_ratio(73.9, 71.5, 1.48) == pytest.approx(0.05, abs=0.005)
    assert degradation_ratio(68.2, 68.5, 1.05) == pytest.approx(-0.05, abs=0.011)
    with pytest.raises(BadInput, match="wins nothing"):
        degradation_ratio(70, 69, 1.0)


@pytest.mark.parametrize("tie, kv_heads", [(True, 4), (False, 2)])
def test_our_parameters_are_counted_exactly_whole_and_shrunk(tie, kv_heads):
    config = DecoderConfig(vocab=50, width=16, depth=4, heads=4, kv_heads=kv_heads, ffn=24, context=32, tie=tie)
    model = config.build(0)
    small = shrink(model, PLAN)
    assert sizes_of(model).parameters == parameters(model) == sizes_of(config).parameters
    cut = sizes_of(model, PLAN)
    assert cut == sizes_of(small) == sizes_of(small.config) and cut.parameters == parameters(small)
    assert (cut.attentions, cut.mlps) == (1, 3)
    # 4 D² with as many key heads as query heads, 2 D² + 2 D G K with fewer; 3 D F for the MLP.
    assert cut.attention_weights == 2 * 16 * 16 + 2 * 16 * kv_heads * 4 and cut.mlp_weights == 3 * 16 * 24
    assert parameters(model) - parameters(small) == 3 * (cut.attention_weights + 16) + cut.mlp_weights + 16


@pytest.mark.parametrize("family", ["llama", "mistral", "smollm3", "gemma"])
def test_hub_parameters_are_counted_exactly(family):
    model = make(family, depth=3)
    plan = drops(model, attention=[1], mlp=[0, 2])
    assert sizes_of(model).parameters == parameters(model)
    assert sizes_of(model, plan) == sizes_of(shrink(model, plan))
    assert sizes_of(model, plan).parameters == parameters(shrink(model, plan))
    assert sizes_of(model.config).depth == 3


@pytest.mark.parametrize("family", ["labkit", "llama", "gpt2", "gpt_neox", "gptj"])
def test_the_cache_is_as_large_as_the_formula_says(family):
    model, ids = make(family, depth=4), ids_of(7, batch=3)
    for small in (model, shrink(model, PLAN)):
        with torch.no_grad():
            held = cache_size(small(ids, use_cache=True).past_key_values)
        assert held == sizes_of(small).cache_bytes(7, batch=3, bytes_per_number=4) > 0


def test_flops_are_those_a_counter_counts():
    config = DecoderConfig(vocab=50, width=16, depth=3, heads=4, kv_heads=2, ffn=24, context=64)
    for model in (config.build(0), shrink(config.build(0), (DropAttention(1), DropMLP(2)))):
        sizes, ids = sizes_of(model), ids_of(12, batch=2)
        # Without attentions' pairs: of those a counter sees the full square, or nothing, by the kernel in use.
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(ids)
        counts = counter.get_flop_counts()["Global"]
        multiplied = sum(count for op, count in counts.items() if "attention" not in str(op) and "bmm" not in str(op))
        assert multiplied == 2 * 2 * 12 * sizes._multiplied
    whole = sizes_of(config)
    pairs = 12 * 13 // 2  # a token reads itself and those before it
    assert whole.prefill_flops(12, 2) == 2 * (2 * 12 * whole._multiplied + 4 * 3 * 16 * pairs)
    one_by_one = sum(whole.decode_flops(past) for past in range(12))
    assert one_by_one == whole.prefill_flops(12) == whole.generation_flops(1, 12)
    assert whole.without(attentions=1).decode_flops(9) < whole.decode_flops(9)


def test_sizes_that_cannot_be_are_told():
    with pytest.raises(BadInput, match="attentions = -1"):
        ModelSizes(depth=1, width=8, heads=1, kv_heads=1, head_size=8, ffn=8, vocab=8).without(attentions=2)
    config = replace(make("labkit").config)
    with pytest.raises(BadInput, match="every sub-layer"):
        sizes_of(config.build(0), [DropBlock(0), DropBlock(1)])
    hub = make("llama").config
    hub.model_type = "mamba"
    with pytest.raises(BadInput, match="mamba"):
        sizes_of(hub)


class Clock:
    """A clock that moves by one second, and by more with each reading of a model named slow."""

    def __init__(self):
        self.now, self.steps = 0.0, []

    def __call__(self):
        self.now += 1.0
        self.steps.append(self.now)
        return self.now


def test_a_speed_test_takes_turns_reports_medians_and_the_cache():
    model = make("labkit", depth=3)
    small = shrink(model, (DropAttention(0), DropBlock(2)))
    clock = Clock()
    found = speed_test({"whole": model, "cut": small}, prompt=8, new=5, batch=2, rounds=3, warmup=1, clock=clock)
    # Six readings of the clock per model and round; every phase takes as many seconds as it has passes.
    assert len(clock.steps) == 2 * 4 * 6
    whole, cut = found.speeds
    assert (whole.prefill.value, whole.decode.value, whole.end_to_end.value) == (1.0, 1.0, 5.0)
    assert whole.prefill.n == 3 and whole.prefill.over == "rounds"
    assert whole.cache_bytes == sizes_of(model).cache_bytes(12, 2, 4) and cut.cache_bytes == whole.cache_bytes // 3
    assert found.speedup("cut").value == 1.0 and found.predicted("cut") > 1.2
    assert found.predicted("cut", "decode") == whole.flops["decode"] / cut.flops["decode"]
    assert whole.flops["end_to_end"] == sizes_of(model).generation_flops(8, 5, 2)
    assert "by FLOPs" in found.table() and len(found.as_dict()["speeds"]) == 2
    assert draw(found).axes and "cut" in describe(found)


def test_real_seconds_pass_and_impossible_tests_are_told():
    found = speed_test({"llama": make("llama")}, prompt=4, new=3, rounds=2)
    assert 0 < found.speeds[0].decode.value <= found.speeds[0].end_to_end.value
    for options in ({"prompt": 0}, {"new": 1}, {"rounds": 0}, {"warmup": -1}):
        with pytest.raises(BadInput):
            speed_test({"llama": make("llama")}, **options)
    with pytest.raises(BadInput):
        speed_test({})
