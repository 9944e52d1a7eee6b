"""check: the standard proof that edits, measurements and sweeps do on a model what they say, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from labkit.anatomy import Anatomy, anatomy_of, fingerprint, in_eval_mode, module_of
from labkit.base.errors import LabkitError
from labkit.base.results import Result
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    Edit,
    FromRun,
    MaskNeurons,
    Quantise,
    QuantiseActivation,
    ReplaceActivation,
    ScaleWeight,
    SetWeight,
    Source,
    Zero,
    ZeroWeight,
    audit,
    edit,
)
from labkit.measurements.runs import forward
from labkit.measurements.turning import TurnMeasure
from labkit.models import where_not_finite

from .plans import every_block, every_sublayer
from .run import sweep

if TYPE_CHECKING:
    from labkit.zoo import ModelLike

__all__ = ["Line", "Proof", "check"]

_TOKENS, _MOST_PLANS = 9, 6
_NEAR = 1e-4  # of the loss: a suffix computed alone adds in another order on some machines


@dataclass(frozen=True)
class Line:
    """One thing that was tried; passed: None where the model has nothing of the kind."""

    what: str
    passed: bool | None
    found: str


@dataclass(frozen=True)
class Proof(Result):
    """What `check` found on a model, in the order it was tried."""

    name: str
    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed and something was tried."""
        return all(line.passed is not False for line in self.lines) and any(line.passed for line in self.lines)

    def table(self) -> str:
        """Return one line for each thing tried."""
        width = max(len(line.what) for line in self.lines)
        marks, shown, said = {True: "✓", False: "✗", None: "–"}, [], set()
        for line in self.lines:
            again = line.passed is False and line.found in said
            found = "refused for the reason above" if again else line.found
            shown.append(f"{marks[line.passed]} {line.what:<{width}}  {found}")
            said.add(line.found)
        end = "Edits reach this model and are undone." if self.ok else "Not all of this holds: see the lines with ✗."
        return "\n".join((self.name, *shown, end))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        lines = [{"what": line.what, "passed": line.passed, "found": line.found} for line in self.lines]
        return {"model": self.name, "ok": self.ok, "lines": lines}


def check(model: ModelLike) -> Proof:
    """Try on `model` (a handle or a module) what the course takes for granted, and return what was found.

    Its parts have addresses; an edit that changes nothing changes no bit; one edit of each kind, and one of each
    matrix of a layer, reaches the output and is undone bit for bit; a sweep gives what the plain loop gives. A few
    random tokens are run, some fifty times; nothing stays. What labkit refuses is told with its reason, not raised.

    >>> print(labkit.check(labkit.load("lab/tiny")).lines[0].found)
    its 38 parameters have 39 addresses in 4 layers (family labkit)
    """
    name = getattr(model, "name", None) or type(module_of(model)).__name__
    lines: list[Line] = []
    for what, attempt in (("addresses", _addresses), ("runs", _runs)):
        lines.append(_tried(what, lambda attempt=attempt: attempt(model)))
        if not lines[-1].passed:
            return Proof(name, tuple(lines))
    before, passes = fingerprint(model), _Passes(model)
    for what, made in _edits(anatomy_of(model), passes.idle):
        lines.append(_tried(what, lambda made=made: passes.under(made)))
    lines.append(_tried("every matrix of a layer", lambda: _matrices(model, passes)))
    for what, plans in (("sweep of sub-layers", every_sublayer), ("sweep of blocks", every_block)):
        lines.append(_tried(what, lambda plans=plans: _sweeps(model, passes, plans)))
    lines.append(_tried("left as it was", lambda: _left(model, before)))
    return Proof(name, tuple(lines))


def _tried(what: str, attempt: Callable[[], tuple[bool | None, str]]) -> Line:
    try:
        return Line(what, *attempt())
    except LabkitError as error:
        advice = f" Try: {error.do}" if error.do else ""
        return Line(what, False, f"refused: {error.what}{advice}")
    except Exception as error:  # a model of anybody's may raise anything: it is a finding, and the others are tried
        first = (str(error).splitlines() or [""])[0]
        return Line(what, False, f"{type(error).__name__}: {first}"[:200])


class _Passes:
    """The same few tokens through the model, intact and under edits. values: logits [1, L, V], or last states."""

    def __init__(self, model: ModelLike):
        self.model = model
        self.ids_BL = _some_ids(model)
        self.intact = self.values()
        self.idle = _no_ops(model)

    def values(self) -> Tensor:
        return in_eval_mode(self.model, lambda module: forward(module, self.ids_BL))

    def under(self, one: Edit | None) -> tuple[bool | None, str]:
        """Say whether the edit changed the output (or, of one that is to change nothing, did not), and was undone."""
        if one is None:
            return None, "the model has no such part"
        with edit(self.model, one):
            cut = self.values()
        moved = float((cut - self.intact).abs().max())
        undone = torch.equal(self.values(), self.intact)
        idle = one in self.idle
        reached = torch.equal(cut, self.intact) if idle else not torch.equal(cut, self.intact)
        says = "changes no bit" if reached and idle else f"moves the output by up to {moved:.2g}"
        return reached and undone, f"{one}: {says if reached or idle else 'does not reach the output'}" + (
            ", undone bit for bit" if undone else ", and is not undone"
        )


def _some_ids(model: ModelLike) -> Tensor:
    """Return token ids [1, L] of the model's vocabulary, the same each time."""
    module = module_of(model)
    embedded = module.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(28)
    return torch.randint(embedded.shape[0], (1, _TOKENS), generator=generator).to(embedded.device)


def _runs(model: ModelLike) -> tuple[bool, str]:
    ids_BL = _some_ids(model)
    values = in_eval_mode(model, lambda module: forward(module, ids_BL))
    if not bool(values.isfinite().all()):
        return False, f"its output is no number, first in {where_not_finite(module_of(model), ids_BL)}"
    return True, f"{ids_BL.shape[1]} random tokens give {values.shape[-1]:,} finite numbers each"


def _addresses(model: ModelLike) -> tuple[bool, str]:
    anatomy, module = anatomy_of(model), module_of(model)
    known = {id(anatomy.view(name).parameter) for name in anatomy.addresses()}
    bare = [name for name, parameter in module.named_parameters() if id(parameter) not in known]
    held = sum(1 for _ in module.parameters())
    found = f"its {held} parameters have {len(anatomy.addresses())} addresses in {anatomy.depth} layers"
    if bare:
        found = f"{held - len(bare)} of {held} parameters have one in {anatomy.depth} layers ({bare[0]} has none)"
    return True, f"{found} (family {anatomy.family})"


def _layer(anatomy: Anatomy) -> int:
    """Return a layer in the middle that has both sub-layers, if there is one."""
    whole = [k for k, block in enumerate(anatomy.blocks) if block.attention is not None and block.mlp is not None]
    return whole[len(whole) // 2] if whole else 0


def _matrix(anatomy: Anatomy) -> str:
    names = anatomy.addresses()
    inner = [name for name in (f"layers.{_layer(anatomy)}.{part}" for part in ("mlp.down", "attn.o")) if name in names]
    return (inner or ["embed"])[0]


def _no_ops(model: ModelLike) -> list[Edit]:
    anatomy = anatomy_of(model)
    ids = tuple(_some_ids(model)[0].tolist())
    return [
        ScaleWeight(_matrix(anatomy), 1.0),
        _replaced(f"layers.{_layer(anatomy)}", FromRun(ids)),
    ]


def _replaced(site: str, source: Source) -> Edit:
    return ReplaceActivation(site=site, source=source, positions=None, channels=None)


def _edits(anatomy: Anatomy, idle: list[Edit]) -> Iterator[tuple[str, Edit | None]]:
    """Return what is tried: two edits that change nothing, and one of each kind."""
    layer, matrix = _layer(anatomy), _matrix(anatomy)
    attention, mlp = anatomy.blocks[layer].attention, anatomy.blocks[layer].mlp
    written = f"layers.{layer}.mlp" if mlp is not None else f"layers.{layer}"
    yield from zip(("a factor of 1", "a value by itself"), idle)
    yield "zero a weight", ZeroWeight(matrix)
    yield "scale a weight", ScaleWeight(matrix, 2.0)
    yield "set a weight", SetWeight(matrix, 0.05)
    yield "drop an attention", DropAttention(layer) if attention is not None else None
    yield "drop an MLP", DropMLP(layer) if mlp is not None else None
    yield "drop a block", DropBlock(layer) if attention is not None and mlp is not None else None
    down = f"layers.{layer}.mlp.down"
    neurons = range(anatomy.view(down).shape[1]) if down in anatomy.addresses() else ()
    yield "mask neurons", MaskNeurons(layer, tuple(neurons)) if neurons else None
    yield "replace an activation", _replaced(written, Zero())
    yield "round an activation", QuantiseActivation(written, 2)
    yield "round all matrices", Quantise("matrices", 3)


def _matrices(model: ModelLike, passes: _Passes) -> tuple[bool, str]:
    """Zero each matrix of one layer, and those at the ends, in turn."""
    anatomy = anatomy_of(model)
    layer = f"layers.{_layer(anatomy)}."
    names = [name for name in anatomy.addresses() if name.startswith(layer) or not name.startswith("layers.")]
    names = [name for name in names if len(anatomy.view(name).shape) == 2]
    lost = [name for name in names if not passes.under(ZeroWeight(name))[0]]
    if lost:
        return False, f"{', '.join(lost)}: zeroing does not reach the output"
    return True, f"{len(names)} of {len(names)} reach the output when zeroed, undone bit for bit"


def _sweeps(model: ModelLike, passes: _Passes, plans: Callable[[ModelLike], Sequence]) -> tuple[bool | None, str]:
    """Sweep a few plans by kept streams and by the plain loop, and compare."""
    listed = plans(model)
    if not listed:
        return None, "the model has no such part"
    some = list(dict.fromkeys([*listed[:2], *listed[:: max(1, len(listed) // 3)], *listed[-2:]]))[:_MOST_PLANS]
    documents = [passes.ids_BL[0].tolist(), passes.ids_BL[0].flip(0).tolist()]
    measure: Any = "loss" if module_of(model).get_output_embeddings() is not None else TurnMeasure()
    kept, plain = (sweep(model, some, documents, measure, engine=engine) for engine in ("prefix", "plain"))
    pairs = [(a.change.value, b.change.value) for a, b in zip(kept.points, plain.points)]
    off = max(abs(a - b) for a, b in pairs)
    largest = max(1.0, *(abs(b) for _, b in pairs))
    return off <= _NEAR * largest, f"{len(some)} plans: off the plain loop by at most {off:.1g}"


def _left(model: ModelLike, before: str) -> tuple[bool, str]:
    same, active = fingerprint(model) == before, audit(model).active
    if same and not active:
        return True, "weights, buffers, hooks, settings and mode are those from before, bit for bit"
    return False, f"something stays: {'; '.join(active) or 'its fingerprint differs'}"
