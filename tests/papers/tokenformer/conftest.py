"""Small models of this paper, untrained: every identity of growth holds for any weights."""

import pytest
import torch

from labkit.papers.tokenformer.method import TokenFormer, Transformer

SIZES = {"vocab": 50, "width": 24, "depth": 2, "heads": 2, "context": 32}


@pytest.fixture
def small():
    return TokenFormer(**SIZES, tokens=18, ffn=72).build(1).eval()


@pytest.fixture
def transformer():
    return Transformer(**SIZES, ffn=96).build(1).eval()


@pytest.fixture
def ids():
    return torch.randint(50, (3, 16), generator=torch.Generator().manual_seed(0))
