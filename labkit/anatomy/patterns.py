"""Attention weights: who looks at whom, in any family, computed apart from the pass that the model itself makes.

Models add values up without ever showing the weights (fused kernels), so they are asked for once more: ours by their
own queries and keys, those of `transformers` by its plain implementation ("eager").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from labkit.base.errors import NotAvailable
from labkit.models import Attention, State
from labkit.zoo.finite import tell_not_finite

from .locks import in_eval_mode
from .parts import anatomy_of
from .sites import tokens

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["attention_weights"]


def attention_weights(model: ModelLike, ids: Any) -> list[Tensor]:
    """Run `model` on token ids [L] or [B, L] and return per layer who reads whom [B, H, L, L]; rows sum to 1.

    The model is left as it was. Raises `NotAvailable` where a block has no attention, or does not show it.
    """
    ids_BL, mixers = tokens(model, ids), []
    for layer, block in enumerate(anatomy_of(model).blocks):
        if block.attention is None:
            raise NotAvailable(
                f"Block {layer} of this model has no attention.", expected="a model without dropped parts"
            )
        mixers.append(block.attention.module)
    found: dict[nn.Module, Tensor] = {}

    def ours(mixer: nn.Module, args: tuple[Tensor, State], output: Any) -> None:
        if "forward" not in vars(mixer):  # a dropped attention looks at nothing
            found[mixer] = mixer.weights(*args)

    def theirs(mixer: nn.Module, args: tuple, output: Any) -> None:
        found[mixer] = output[1] if isinstance(output, tuple) and len(output) > 1 else None

    def work(module: nn.Module) -> None:
        handles: list[Any] = []
        try:
            with _written_out(module):
                for mixer in mixers:
                    handles.append(mixer.register_forward_hook(ours if isinstance(mixer, Attention) else theirs))
                module(ids_BL)
        finally:
            for handle in handles:
                handle.remove()

    in_eval_mode(model, work)
    if any(found.get(mixer) is None for mixer in mixers):
        raise NotAvailable("This model does not show its attention.", do="read its heads' outputs: layers.0.attn.heads")
    tell_not_finite(model, ids_BL, found.values())
    return [found[mixer] for mixer in mixers]


@contextmanager
def _written_out(module: nn.Module) -> Iterator[None]:
    """Have a model of `transformers` hold its attention weights meanwhile, instead of a kernel that never does.

    Its own `output_attentions` would leave hooks behind.
    """
    config = module.config
    before = getattr(config, "_attn_implementation", None)
    if before is None:
        yield
        return
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = before
