"""Keep a cut model of transformers: a folder that `from_pretrained` loads anywhere, and that can be shrunk again.

Leaving out a sub-layer is the same as setting the matrix it writes with, and its bias, to zero (claim
02.drop_is_zero). So the whole model is written with those at 0, which any program reads and which computes what the
cut model computes; the plan beside it, cut.toml, says what `load_cut` then leaves out for good.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from labkit.anatomy import anatomy_of, module_of
from labkit.base.errors import BadInput
from labkit.interventions import Plan, dropped, shrink
from labkit.zoo.hub import no_bars

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["load_cut", "save_cut"]

PLAN = "cut.toml"


def save_cut(model: ModelLike, plan: Any, folder: str | Path) -> Path:
    """Write `model` (intact; a model of transformers or a handle of one) with the drops of `plan` into `folder`.

    The folder holds config.json, the weights, and cut.toml. Raises `BadInput` for a model that transformers does not
    write, and for a plan of anything else than drops.
    """
    module, plan, folder = module_of(model), Plan(plan), Path(folder)
    if not hasattr(module, "save_pretrained"):
        raise BadInput(
            f"A {type(module).__name__} is no model of transformers.",
            expected="one that has save_pretrained",
            do="labkit.models.save(labkit.shrink(model, plan).model, folder) keeps a decoder of ours",
        )
    gone = dropped(model, plan)
    silent = copy.deepcopy(module)
    for part, last in (("attention", "attn.o"), ("mlp", "mlp.down")):
        for layer in gone[part]:
            writer = anatomy_of(silent).module(f"layers.{layer}.{last}")
            with torch.no_grad():
                for parameter in writer.parameters(recurse=False):
                    parameter.zero_()
    with no_bars():
        silent.save_pretrained(folder)
    plan.save(folder / PLAN)
    return folder


def load_cut(folder: str | Path) -> Any:
    """Return the model that `save_cut` wrote, without the parts that its plan leaves out: smaller, the same logits."""
    from transformers import AutoModelForCausalLM

    folder = Path(folder)
    if not (folder / PLAN).is_file():
        raise BadInput(f"{folder} has no {PLAN}.", expected="a folder that save_cut wrote")
    plan = Plan.load(folder / PLAN)
    with no_bars():
        module = AutoModelForCausalLM.from_pretrained(folder).eval()
    return shrink(module, plan) if len(plan) else module
