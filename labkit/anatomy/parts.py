"""Anatomy: the parts of one model, found by its family's description."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from labkit.base.errors import BadInput, unknown
from labkit.zoo import ModelLike, module_of

from .address import LAYER_PARTS, Address
from .description import HeadSizes, Stored, Sublayer
from .families import family_of
from .module_paths import ModulePaths
from .skips import Absent, KeepStream, PassOn, WriteNothing
from .view import Place, View

__all__ = ["Anatomy", "BlockParts", "SublayerParts", "anatomy_of", "view"]


@dataclass(frozen=True)
class SublayerParts:
    """The modules of an attention or an MLP, and how it is skipped.

    module: what computes. norm: before it (in BERT after the residual add). post_norm: after it. writer: the last
    module before the add; its output is what the sub-layer writes. skip: (module, forward) pairs that make it write
    nothing.
    """

    module: nn.Module
    norm: nn.Module | None
    post_norm: nn.Module | None
    writer: nn.Module
    skip: tuple[tuple[nn.Module, Callable[..., Any]], ...]


@dataclass(frozen=True)
class BlockParts:
    """One block. parallel: both sub-layers read the block's input, instead of one after the other."""

    module: nn.Module
    attention: SublayerParts | None
    mlp: SublayerParts | None
    parallel: bool


class Anatomy:
    """Where the parts of one model are. Get it from `anatomy_of(model)`.

    family, depth (N), width (D); blocks; trunk (the module that runs them); embed, final_norm, head (the last two
    are None in an encoder). covered: addresses whose module is there but holds no weight of its own (an adapter around
    it, a quantised or parametrised one), with what it is.
    """

    def __init__(self, model: nn.Module):
        self.description = family = family_of(model)
        self.kind = type(model).__name__
        self._paths = paths = ModulePaths()
        self.trunk: Any = paths.need(model, family.trunk)
        self.embed: Any = paths.need(model, family.embed)
        self.final_norm = paths.need(model, family.final_norm) if family.final_norm else None
        self.head = paths.need(model, family.head) if family.head else None
        self.block_list: Any = paths.need(model, family.blocks)
        self._block_ids = tuple(map(id, self.block_list))
        if len(set(self._block_ids)) < len(self._block_ids):
            second = next(i for i, one in enumerate(self._block_ids) if one in self._block_ids[:i])
            raise BadInput(
                f"Layers {self._block_ids.index(self._block_ids[second])} and {second} are one and the same module.",
                expected="a module of its own for each layer, so that one can be cut without the other",
                do=f"blocks[{second}] = copy.deepcopy(blocks[{second}]) gives it weights of its own",
            )
        self._config = getattr(model, "config", None)
        self._sizes = HeadSizes.of(self._config) if family.model_types else None
        self.width: int = self.embed.weight.shape[1]
        self.blocks = tuple(self._block(block, layer) for layer, block in enumerate(self.block_list))
        self._positions, self._embed_norm = paths.find(model, family.positions), paths.find(model, family.embed_norm)
        self._places: dict[str, Place] = dict(self._find_places())
        self.covered: dict[str, str] = dict(self._find_covered())
        self._check_own()

    @property
    def family(self) -> str:
        """The name of the family."""
        return self.description.name

    @property
    def longest(self) -> int | None:
        """How many tokens a text may have where positions are looked up in a table; None where they are computed."""
        return None if self._positions is None else len(self._positions.weight)

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return len(self.blocks)

    @property
    def current(self) -> bool:
        """Whether the model still has the blocks and parts it had when this was made."""
        return self._block_ids == tuple(map(id, self.block_list)) and self._paths.unchanged

    def addresses(self) -> list[str]:
        """Return the names of all weights this model has, in the order of the tree."""
        return list(self._places)

    def layer(self, layer: int) -> BlockParts:
        """Return one block; raise `BadInput` for a layer the model does not have."""
        if isinstance(layer, bool) or not isinstance(layer, int) or not 0 <= layer < self.depth:
            raise BadInput(f"There is no layer {layer!r}.", expected=f"a whole number from 0 to {self.depth - 1}")
        return self.blocks[layer]

    def view(self, address: str | Address) -> View:
        """Return the view of an address; raise `UnknownName` (with the nearest) or `BadInput` (out of range)."""
        address = Address.parse(address)
        if address.layer is not None:
            self.layer(address.layer)
        if address.name not in self._places:
            raise self._absent(address)
        return View(address, self._places[address.name])

    def module(self, address: str | Address) -> nn.Module:
        """Return the module that owns the parameter at an address."""
        return self.view(Address.parse(address).whole).place.owner

    def tied(self, address: str | Address) -> list[str]:
        """Return the other names of the same stored parameter with the same rows (tied embeddings)."""
        name = Address.parse(address).name
        mine = self._places[name]
        return [
            other
            for other, place in self._places.items()
            if other != name and place.parameter is mine.parameter and list(place.rows) == list(mine.rows)
        ]

    def tree(self) -> str:
        """Return every address with its shape and how it is stored, one a line."""
        lines = [f"{self.kind}: {self.family}, {self.depth} layers, width {self.width}"]
        size = max(map(len, self._places))
        for name, place in self._places.items():
            shape = " × ".join(map(str, place.shape))
            notes = "; ".join(self._storage_notes(name, place))
            lines.append(f"  {name:<{size}}  {shape:<12} {notes}".rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.tree()

    def _storage_notes(self, name: str, place: Place) -> Iterator[str]:
        if place.transposed:
            yield "stored as [in, out]"
        stored = place.parameter.shape[-1] if place.transposed else place.parameter.shape[0]
        if len(place.rows) != stored:
            how = "rows" if isinstance(place.rows, range) else "interleaved rows"
            yield f"{len(place.rows)} of {stored} {how}"
        if place.offset:
            yield f"stored as gain - {place.offset:g}"
        if tied := self.tied(name):
            yield f"the same weights as {', '.join(tied)}"

    def _block(self, block: nn.Module, layer: int) -> BlockParts:
        family = self.description
        parallel = family.parallel
        return BlockParts(
            module=block,
            attention=self._sublayer(block, family.attn, layer, shared=family.mlp.norm),
            mlp=self._sublayer(block, family.mlp, layer, shared=family.attn.norm),
            parallel=getattr(self._config, parallel) if isinstance(parallel, str) else parallel,
        )

    def _sublayer(self, block: nn.Module, paths: Sublayer, layer: int, shared: str | None) -> SublayerParts | None:
        """Return one sub-layer; `shared` is the path of the other one's norm, which may be the same."""
        find = self._paths.find
        module, norm, writer = find(block, paths.module), find(block, paths.norm), find(block, paths.writer)
        if module is None or writer is None or isinstance(module, Absent):
            return None
        sizes = self._sizes or HeadSizes(1, 1, 1)
        # It stands in for the attention at the entry of the cache that the module itself would use.
        nothing = WriteNothing(paths.returns, getattr(module, "layer_idx", layer), sizes.kv_heads, sizes.size)
        skip: list = [(module, nothing)]
        if norm is not None and paths.norm != shared and not paths.norms_sum:
            skip.append((norm, PassOn()))
        if writer is not module:
            skip.append((writer, PassOn()))
        if (write := find(block, paths.write)) is not None:
            skip.append((write, KeepStream()))
        return SublayerParts(module, norm, find(block, paths.post_norm), writer, tuple(skip))

    def _find_places(self) -> Iterator[tuple[str, Place]]:
        family = self.description
        for part, module in (("embed", self.embed), ("positions", self._positions), ("embed_norm", self._embed_norm)):
            yield from _places(part, module)
        norms = {
            "attn_norm": family.attn.norm,
            "mlp_norm": family.mlp.norm,
            "attn_post_norm": family.attn.post_norm,
            "mlp_post_norm": family.mlp.post_norm,
        }
        for layer, block in enumerate(self.block_list):
            for part in LAYER_PARTS:
                is_norm = part.endswith("norm")
                stored = Stored(norms[part]) if norms.get(part) else family.weights.get(part)
                if stored is not None:
                    offset = family.gain_offset if is_norm else 0.0
                    yield from _places(
                        f"layers.{layer}.{part}", self._paths.find(block, stored.path), stored, self._sizes, offset
                    )
        yield from _places("final_norm", self.final_norm, offset=family.gain_offset)
        yield from _places("head", self.head)

    def _find_covered(self) -> Iterator[tuple[str, str]]:
        for layer, block in enumerate(self.block_list):
            for part, stored in self.description.weights.items():
                module, name = self._paths.find(block, stored.path), f"layers.{layer}.{part}"
                here = module is not None and not isinstance(module, Absent)
                if here and name not in self._places and not part.endswith("norm"):  # a norm may have no gain
                    yield name, f"{type(module).__module__}.{type(module).__name__}"

    def _check_own(self) -> None:
        """Raise `BadInput` when two layers share a sub-layer: cutting one would cut the other."""
        owner: dict[int, str] = {}
        for layer, block in enumerate(self.blocks):
            for which in ("attention", "mlp"):
                part = getattr(block, which)
                first = owner.setdefault(id(part.module), f"layer {layer}") if part is not None else f"layer {layer}"
                if first != f"layer {layer}":
                    raise BadInput(
                        f"The {which} of {first} and that of layer {layer} are one and the same module.",
                        expected="a module of its own for each layer, so that one can be cut without the other",
                        do="give the later one a copy of its own (copy.deepcopy)",
                    )

    def _absent(self, address: Address) -> Exception:
        if kind := self.covered.get(address.name):
            return BadInput(
                f"The module at {address.name} is {kind}, which holds no weight of its own.",
                expected="a plain layer",
                do="take away what wraps it (of PEFT: model = model.merge_and_unload()), or load the model unquantised",
            )
        why = self.description.notes.get(address.part)
        if address.bias and address.name.removesuffix(".bias") in self._places:
            why = "that part has no bias in this model"
        elif why is None and address.part.endswith("norm") and not address.bias:
            why = "this model has no such norm, or its norm has no gain"
        error = unknown("address", address.name, self._places)
        return type(error)(
            f"{error.what[:-1]} in this {self.family} model" + (f": {why}." if why else "."), error.expected, error.do
        )


_CACHE: WeakKeyDictionary[nn.Module, Anatomy] = WeakKeyDictionary()


def anatomy_of(model: ModelLike) -> Anatomy:
    """Return where the parts of a causal language model (or a handle to one) are.

    Raises `BadInput` for a family that is not described. Kept as long as the model lives and keeps its blocks.

    >>> labkit.anatomy_of(labkit.load("lab/tiny")).depth
    4
    """
    module = module_of(model)
    known = _CACHE.get(module)
    if known is None or not known.current:
        known = _CACHE[module] = Anatomy(module)
    return known


def view(model: ModelLike, address: str | Address) -> View:
    """Return the view of an address of `model`: `.shape` [out, in], `.read()`, `.write(values)`.

    >>> model = labkit.load("lab/tiny")
    >>> labkit.view(model, "layers.0.mlp.down[12, 0:3]").read()
    tensor([-0.0649,  0.1469,  0.1271])
    """
    return anatomy_of(model).view(address)


def _places(
    name: str,
    module: nn.Module | None,
    stored: Stored | None = None,
    sizes: HeadSizes | None = None,
    offset: float = 0.0,
) -> Iterator[tuple[str, Place]]:
    """Yield the weight and the bias of a module, if it is there and has them."""
    stored = stored or Stored("")
    for attribute, suffix in (("weight", ""), ("bias", ".bias")):
        # Only what the module itself owns: a weight computed by a parametrisation cannot be written to.
        parameter = None if module is None else module._parameters.get(attribute)
        if parameter is None:
            continue
        transposed = stored.transposed and parameter.dim() == 2
        total = parameter.shape[-1] if transposed else parameter.shape[0]
        rows = range(total) if sizes is None else sizes.rows(stored.rows, total)
        yield name + suffix, Place(module, attribute, rows, transposed, 0.0 if suffix else offset)
