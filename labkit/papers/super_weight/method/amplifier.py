"""Which channel of the stream a gated MLP can make a spike on, read off its weights alone (Sun et al. 2026).

Where silu(x) is nearly x, channel k of what a gated MLP writes is a quadratic form of what it reads: h U_k h with
U_k = sum over neurons i of down[k, i] · gate[i] ⊗ up[i]. A channel with a large U_k and one dominant direction s is an
amplifier: λ (s · h)². Shapes: D width, F feed-forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from labkit.anatomy import anatomy_of
from labkit.base.errors import BadInput, LabkitError, NotAvailable

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["amplifier_directions", "amplifier_matrix", "amplifier_sizes"]


@torch.no_grad()
def amplifier_sizes(model: ModelLike, layer: int, *, cheap: bool = False) -> Tensor:
    """Return the Frobenius norm of U_k for every channel k [D], without making any U_k.

    With w = down[k], it is the root of w (G ∘ U) w, where G = gate gateᵀ and U = up upᵀ are [F, F]. cheap: leave out
    what is off their diagonals, as though no two neurons read alike: the root of sum_i w_i² |gate_i|² |up_i|².
    """
    gate_FD, up_FD, down_DF = _weights(model, layer)
    if cheap:
        return (down_DF.square() @ (gate_FD.square().sum(1) * up_FD.square().sum(1))).sqrt()
    both_FF = (gate_FD @ gate_FD.T) * (up_FD @ up_FD.T)
    return ((down_DF @ both_FF) * down_DF).sum(1).clamp_min(0).sqrt()


@torch.no_grad()
def amplifier_matrix(model: ModelLike, layer: int, channel: int) -> Tensor:
    """Return U_k of one channel [D, D]."""
    gate_FD, up_FD, down_DF = _weights(model, layer)
    if isinstance(channel, bool) or not isinstance(channel, int) or not 0 <= channel < len(down_DF):
        raise BadInput(f"There is no channel {channel!r}.", expected=f"0 to {len(down_DF) - 1}")
    return (gate_FD * down_DF[channel][:, None]).T @ up_FD


@torch.no_grad()
def amplifier_directions(model: ModelLike, layer: int, channel: int, most: int = 5) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalues of (U_k + U_kᵀ) / 2 by size, signed, and their directions [most, D]."""
    u_DD = amplifier_matrix(model, layer, channel)
    values, vectors = torch.linalg.eigh((u_DD + u_DD.T) / 2)
    order = values.abs().argsort(descending=True)[:most]
    return values[order], vectors[:, order].T


def _weights(model: ModelLike, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    anatomy = anatomy_of(model)
    anatomy.layer(layer)
    try:
        return tuple(anatomy.view(f"layers.{layer}.mlp.{part}").read().float() for part in ("gate", "up", "down"))
    except LabkitError as error:
        raise NotAvailable("This MLP has no gate, so it is no quadratic form.", expected="a gated MLP") from error
