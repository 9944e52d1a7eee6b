"""The rivals start as the baseline, and are another model once they have learned."""

import math

import pytest
import torch

from labkit.base.errors import BadInput
from labkit.models import DecoderConfig
from labkit.papers.layer_integrated_memory.method import DenseFormer, HyperConnections, ValueResidual

SIZES = {"vocab": 19, "width": 16, "depth": 3, "heads": 4, "ffn": 20, "context": 16, "init_std": 0.3, "tie": False}
IDS = torch.tensor([[1, 5, 3, 9, 2, 7, 7, 4], [0, 18, 2, 2, 6, 1, 3, 8]])
RIVALS = (
    HyperConnections(**SIZES, dynamic=False),
    HyperConnections(**SIZES, streams=2),
    DenseFormer(**SIZES),
    ValueResidual(**SIZES, share=0.0),
)


def twin_of(model):
    held = {}
    for name, value in model.state_dict().items():
        if ".norm.norm." in name:
            name = name.replace(".norm.norm.", ".norm.")
        if "connection" not in name and "write" not in name and not name.endswith("mix"):
            held[name] = value
    twin = DecoderConfig(**SIZES).build(0).eval().double()
    twin.load_state_dict(held)
    return twin


@pytest.mark.parametrize("config", RIVALS)
def test_it_starts_as_the_baseline(config):
    model = config.build(3).eval().double()
    with torch.no_grad():
        assert torch.allclose(model(IDS).logits, twin_of(model)(IDS).logits, atol=1e-5)


@pytest.mark.parametrize("config", (*RIVALS[:3], ValueResidual(**SIZES, share=0.5)))
def test_it_can_become_another_model_and_stays_causal(config):
    model = config.build(3).eval().double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "connection" in name or "write" in name or name.endswith("mix"):
                parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        ours = model(IDS).logits
        assert (ours - twin_of(model)(IDS).logits).abs().max() > 1e-2
        other = IDS.clone()
        other[:, 5] = 0
        assert torch.equal(model(other).logits[:, :5], ours[:, :5])
        cache = model(IDS[:, :7], use_cache=True).past_key_values
        step = model(IDS[:, 7:], past_key_values=cache).logits
        assert torch.allclose(step, ours[:, 7:], atol=1e-10)


@pytest.mark.parametrize("share", (math.nan, -0.1, 1.5))
def test_a_share_that_makes_no_mixture_is_named(share):
    with pytest.raises(BadInput, match="λ"):
        ValueResidual(**SIZES, share=share)


@pytest.mark.parametrize("streams", (0, 1.5))
def test_a_number_of_streams_that_makes_no_trunk_is_named(streams):
    with pytest.raises(BadInput, match="streams"):
        HyperConnections(**SIZES, streams=streams)
