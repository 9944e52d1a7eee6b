"""Byte-ifying: a trained BPE model's blocks become the latent transformer (section 6.2 of the paper)."""

from __future__ import annotations

from labkit.base.errors import BadInput

from .model import BLT, Flat

__all__ = ["SLOW", "byteify"]

SLOW = {"latent.": 0.1}  # the learning rate of what was trained before, as a share of the others': `Fit(scales=SLOW)`


def byteify(model: BLT, trained: Flat) -> BLT:
    """Copy all blocks of a trained token model into the latent transformer of `model`, in place, and return it.

    Train it with a tenth of the learning rate there (`SLOW`). Raises `BadInput` where the stacks differ in shape.
    """
    ours, theirs = model.latent.state_dict(), trained.trunk.state_dict()
    if {name: w.shape for name, w in ours.items()} != {name: w.shape for name, w in theirs.items()}:
        c, t = model.config, trained.config
        raise BadInput(
            f"The latent transformer has {c.latent} blocks, {c.latent_width} wide; the other {t.depth}, {t.width}.",
            expected="two stacks of the same sizes",
        )
    model.latent.load_state_dict(theirs)
    return model
