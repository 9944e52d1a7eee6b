"""DecoderConfig: the sizes of a decoder and the makers of its parts.

A paper's model is a small subclass that overrides one maker. Layers are counted from 0, as in `trunk.blocks[0]`
and in addresses (`layers.0.attn.q`); where a paper counts ℓ = 1 … N, ℓ is `layer + 1`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from labkit.base.errors import BadInput, unknown
from labkit.base.papers import bring
from labkit.base.toml import check_keys

from .decoder import Decoder
from .parts import Attention, RMSNorm, SwiGLU
from .trunk import Add, Block, Branch, Trunk

__all__ = ["DecoderConfig"]

_KINDS: dict[str, type[DecoderConfig]] = {}
# Kinds made from others: what stands before the other's name -> the function that makes, and so registers, the class.
DERIVED: dict[str, Callable[[type[DecoderConfig]], type[DecoderConfig]]] = {}


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """Sizes of a pre-norm decoder (RMSNorm, rotary positions, SwiGLU), and one maker per part.

    vocab, width, depth, heads, ffn: numbers of pieces, channels, blocks, query heads and MLP neurons.
    kv_heads: key and value heads (default: as many as query heads). context: longest text in tokens.
    rope_theta: base of the rotary frequencies. eps: inside the norms. tie: head shares the embedding's weights.
    init_std: standard deviation of every matrix at initialisation.

    Raises `BadInput` for sizes that cannot make a model.
    """

    kind: ClassVar[str] = "decoder"

    vocab: int
    width: int
    depth: int
    heads: int
    ffn: int
    context: int
    kv_heads: int | None = None
    rope_theta: float = 10000.0
    eps: float = 1e-6
    tie: bool = True
    init_std: float = 0.02

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register a variant under its `kind`, by which saved models find their class again."""
        super().__init_subclass__(**kwargs)
        if "kind" not in cls.__dict__:
            cls.kind = cls.__name__
        held = _KINDS.get(cls.kind)
        # The same class again is a notebook cell run twice.
        if held is not None and (held.__module__, held.__qualname__) != (cls.__module__, cls.__qualname__):
            raise BadInput(
                f"{cls.__qualname__} and {held.__qualname__} both call themselves {cls.kind!r}.",
                expected="a kind of its own for each class of models",
                do=f'give {cls.__qualname__} a line such as kind = "{cls.__name__.lower()}"',
            )
        _KINDS[cls.kind] = cls

    def __post_init__(self) -> None:
        if self.kv_heads is None:
            object.__setattr__(self, "kv_heads", self.heads)
        for name in ("vocab", "width", "depth", "heads", "ffn", "context", "kv_heads"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise BadInput(f"{name} = {value!r} makes no model.", expected="a whole number of at least 1")
        for name in ("rope_theta", "eps", "init_std"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} = {getattr(self, name)!r} makes no model.", expected="a number above 0")
        if self.width % self.heads:
            raise BadInput(
                f"width = {self.width} cannot be divided among heads = {self.heads}.",
                expected="width a multiple of heads",
            )
        if self.heads % self.kv_heads:
            raise BadInput(
                f"heads = {self.heads} cannot share kv_heads = {self.kv_heads}.",
                expected="heads a multiple of kv_heads",
            )
        if (self.width // self.heads) % 2:
            raise BadInput(
                f"width / heads = {self.width // self.heads} is odd.",
                expected="an even head size, since rotary positions turn pairs of channels",
            )

    # One maker per slot; a variant overrides one of these.

    def norm(self, layer: int) -> nn.Module:
        """Make the norm slot of a branch of block `layer`."""
        return RMSNorm(self.width, self.eps)

    def attention(self, layer: int) -> nn.Module:
        """Make the token mixer of block `layer`."""
        return Attention(self.width, self.heads, self.kv_heads, layer=layer, rope_theta=self.rope_theta)

    def mlp(self, layer: int) -> nn.Module:
        """Make the channel mixer of block `layer`."""
        return SwiGLU(self.width, self.ffn)

    def scale(self, layer: int) -> nn.Module:
        """Make the scale slot of a branch of block `layer`."""
        return nn.Identity()

    def write(self, layer: int) -> nn.Module:
        """Make the write slot of a branch of block `layer`."""
        return Add()

    def branch(self, mixer: nn.Module, layer: int) -> Branch:
        """Put a mixer between its norm, scale and write."""
        return Branch(norm=self.norm(layer), mixer=mixer, scale=self.scale(layer), write=self.write(layer))

    def block(self, layer: int) -> Block:
        """Make block `layer`: attention, then MLP."""
        return Block(attention=self.branch(self.attention(layer), layer), mlp=self.branch(self.mlp(layer), layer))

    def trunk(self) -> Trunk:
        """Make the trunk."""
        return Trunk(self.block(layer) for layer in range(self.depth))

    def final_norm(self) -> nn.Module:
        """Make the norm between the trunk and the head."""
        return RMSNorm(self.width, self.eps)

    # From a config to a model and back.

    def build(self, seed: int = 0) -> Decoder:
        """Return a model with fresh weights that depend on `seed` alone; no global random state is touched.

        Matrices and embeddings are N(0, init_std²). A part with weights of another kind has a method
        `initialise(generator, std)` that sets them.
        """
        with torch.device("meta"):
            model = Decoder(self)
        model.to_empty(device="cpu")
        self.initialise(model, torch.Generator().manual_seed(seed))
        return model

    @torch.no_grad()
    def initialise(self, model: Decoder, generator: torch.Generator) -> None:
        """Set every weight of `model`; raise `BadInput` naming a part that leaves some unset."""
        for tensor in [*model.parameters(), *model.buffers()]:
            if tensor.is_floating_point():
                tensor.fill_(torch.nan)
        for module in model.modules():
            if hasattr(module, "initialise"):
                module.initialise(generator, self.init_std)
            elif isinstance(module, nn.Linear | nn.Embedding):
                module.weight.normal_(0.0, self.init_std, generator=generator)
                if getattr(module, "bias", None) is not None:
                    module.bias.zero_()
            elif hasattr(module, "reset_parameters"):
                module.reset_parameters()
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.isnan().any():
                raise BadInput(
                    f"{name} was given no first value.",
                    expected="a method initialise(generator, std) on the part that owns it",
                )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields with the kind, as saved in config.json."""
        return {"kind": self.kind, **asdict(self)}

    @staticmethod
    def from_dict(table: dict[str, Any]) -> DecoderConfig:
        """Return the config that `as_dict` described; raise `UnknownName` for an unknown kind or key."""
        fields = dict(table)
        kind = fields.pop("kind", "decoder")
        if kind not in _KINDS:
            bring("configs", next((str(kind).removeprefix(one) for one in DERIVED if str(kind).startswith(one)), kind))
        for prefix, derive in DERIVED.items():
            if kind not in _KINDS and str(kind).startswith(prefix) and (whole := _KINDS.get(kind.removeprefix(prefix))):
                derive(whole)
        if kind not in _KINDS:
            raise unknown("kind of model", kind, _KINDS, do="import the module that defines it first")
        cls = _KINDS[kind]
        check_keys(fields, cls.__dataclass_fields__, f"config of kind {kind!r}")
        return cls(**fields)


_KINDS[DecoderConfig.kind] = DecoderConfig
