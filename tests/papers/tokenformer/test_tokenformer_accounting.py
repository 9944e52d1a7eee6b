"""Costs: formulas against models that exist, and against the paper's tables."""

from dataclasses import replace

import pytest

from labkit.base.errors import BadInput
from labkit.papers.tokenformer.method import (
    TokenFormer,
    TrainingStage,
    Transformer,
    cumulative_flops,
    matched_tokens,
    model_cost,
)

SIZES = {"vocab": 50, "width": 24, "depth": 2, "heads": 2, "context": 32}


def tokenformer(width, depth, heads, tokens):
    return TokenFormer(vocab=50_304, width=width, depth=depth, heads=heads, tokens=tokens, ffn=4 * tokens, context=2048)


@pytest.mark.parametrize("config", [TokenFormer(**SIZES, tokens=18, ffn=72), Transformer(**SIZES, ffn=96)])
def test_the_formula_counts_the_weights_that_are_there(config):
    bills = model_cost(config)
    assert bills.parameters + bills.embedding == sum(p.numel() for p in config.build().parameters())


@pytest.mark.parametrize(("tokens", "millions"), [(576, 123.6), (2140, 354.2), (4850, 753.8), (8620, 1309.7)])
def test_the_papers_growth_series(tokens, millions):
    bills = model_cost(tokenformer(768, 12, 12, tokens))
    assert (bills.parameters + bills.embedding) / 1e6 == pytest.approx(millions, abs=0.06)
    assert bills.per_square == pytest.approx(3.69e4, rel=2e-3)  # whatever the number of tokens


def test_matched_tokens_give_the_weights_of_a_transformer():
    width = 48
    small = TokenFormer(**(SIZES | {"width": width}), tokens=matched_tokens(width), ffn=4 * matched_tokens(width))
    baseline = Transformer(**(SIZES | {"width": width}), ffn=4 * width)
    assert model_cost(small).parameters == model_cost(baseline).parameters == 12 * width**2 * 2
    assert model_cost(small).flops == model_cost(baseline).flops
    with pytest.raises(BadInput, match="multiple of 4"):
        matched_tokens(50)


def test_a_wider_transformer_pays_more_for_reading():
    baseline = Transformer(**SIZES, ffn=96)
    wide = replace(baseline, width=48, heads=4, kv_heads=4, ffn=192)
    grown = TokenFormer(**SIZES, tokens=72, ffn=288)
    assert model_cost(grown).parameters == model_cost(wide).parameters
    assert model_cost(wide).attention == 2 * model_cost(grown).attention


def test_stages_add_up_with_the_source_counted_or_not():
    config = TokenFormer(**SIZES, tokens=18, ffn=72)
    source = TrainingStage(config=config, steps=100, rows=4, length=16, paid=True)
    growth = TrainingStage(config=replace(config, tokens=72, ffn=288), steps=10, rows=4, length=16)
    assert source.tokens == 6400
    assert source.flops == 3 * model_cost(config, 16).flops * 400
    assert cumulative_flops([source, growth]) == source.flops + growth.flops
    assert cumulative_flops([source, growth], source_counted=False) == growth.flops


def test_a_text_of_no_tokens_is_refused():
    with pytest.raises(BadInput, match="at least 1"):
        model_cost(Transformer(**SIZES, ffn=96), 0)
