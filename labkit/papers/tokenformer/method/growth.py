"""Growth: append parameter tokens to every Pattention layer; width, heads and depth stay what they are.

Shapes: n old tokens, m new ones, D width in, E width out.

Source: Wang et al. 2024 (arXiv 2410.23168), section 3.4, equation 10, and appendix B. The official code
(`custom_load_fn_incremental`) draws all new rows at random and lets τ follow their number: keys="random",
values="random", tau="live".
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from labkit.base.errors import BadInput, unknown
from labkit.models import Decoder

from .model import TokenFormer, pattention_layers
from .pattention import Pattention

__all__ = ["ROWS", "TAUS", "duplicate", "grow", "grow_layer"]

ROWS = ("zero", "random", "copy")  # what new rows are
TAUS = ("fixed", "live")


def grow(
    model: Decoder,
    n_new: int,
    *,
    keys: str = "zero",
    values: str = "random",
    tau: str = "fixed",
    seed: int = 0,
    noise: float = 0.0,
) -> Decoder:
    """Return a copy of a TokenFormer with `n_new` more tokens in q, k, v and o, and in proportion in the MLP.

    keys, values: "zero", "random" (as a fresh layer draws them) or "copy" (of old rows, drawn at random).
    tau: "fixed" keeps √t of the model before; "live" lets it follow the number of tokens, √(n + m).
    noise: standard deviation of what is added to the old rows, as a share of theirs (0: nothing).
    With keys="zero" and tau="fixed" the function computed is the same (appendix B), whatever the values.

    Raises `BadInput` for a model without Pattention layers, for n_new below 1, for MLP tokens that do not come out
    whole, and `UnknownName` for an unknown way to grow.
    """
    new = _larger(model, n_new, tau)
    generator = torch.Generator().manual_seed(seed)
    olds, news = pattention_layers(model), pattention_layers(new)
    _copy_others(model, new)
    for name, old in olds.items():
        more = news[name].tokens - old.tokens
        _fill(news[name], *grow_layer(old, more, keys=keys, values=values, generator=generator, noise=noise))
    return new.eval()


def grow_layer(
    layer: Pattention, n_new: int, *, keys: str, values: str, generator: torch.Generator, noise: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return K = [K_old; K_new] [n + m, D] and V = [V_old; V_new] [n + m, E] (equation 10)."""
    for name, way in (("keys", keys), ("values", values)):
        if way not in ROWS:
            raise unknown(name, way, ROWS)
    picks = torch.randint(layer.tokens, (n_new,), generator=generator)
    with torch.no_grad():
        pairs = ((layer.keys, keys, layer.key_std), (layer.values, values, layer.value_std))
        k, v = (
            torch.cat((_shaken(old, noise, generator), _rows(old, way, picks, std, generator)))
            for old, way, std in pairs
        )
    return k, v


def duplicate(model: Decoder, times: int, *, noise: float = 0.0, seed: int = 0, tau: str = "live") -> Decoder:
    """Return a copy with every token there `times` times, its value divided by `times`, and τ in step with n.

    Not in the paper: n grows by `times`, ‖A‖ by its root, τ = √n by the same root, so the function is unchanged
    (tau="live"). With tau="fixed" every score is smaller by that root.
    noise: standard deviation, as a share of the values', of differences among copies that cancel in their sum;
    without them all copies receive the same gradient and remain copies.

    Raises `BadInput` for times below 2 and for a model without Pattention layers.
    """
    if isinstance(times, bool) or not isinstance(times, int) or times < 2:
        raise BadInput(f"times = {times!r} duplicates nothing.", expected="a whole number from 2 up")
    config = _config(model)
    if tau not in TAUS:
        raise unknown("tau", tau, TAUS)
    if tau == "fixed":
        scale = config.tokens if config.scale_tokens is None else config.scale_tokens
    else:
        scale = None if config.scale_tokens is None else config.scale_tokens * times
    new = replace(config, tokens=config.tokens * times, ffn=config.ffn * times, scale_tokens=scale).build()
    _copy_others(model, new)
    generator = torch.Generator().manual_seed(seed)
    news = pattention_layers(new)
    with torch.no_grad():
        for name, old in pattention_layers(model).items():
            apart = torch.randn(times, *old.values.shape, generator=generator) * noise * old.values.std() / times
            values = old.values / times + apart - apart.mean(0)
            _fill(news[name], old.keys.repeat(times, 1), values.flatten(0, 1))
    return new.eval()


def _larger(model: Decoder, n_new: int, tau: str) -> Decoder:
    """Return a model of the size wanted, its weights still to be copied."""
    config = _config(model)
    if isinstance(n_new, bool) or not isinstance(n_new, int) or n_new < 1:
        raise BadInput(
            f"A model of {config.tokens} tokens cannot grow by {n_new!r}.",
            expected="a whole number of at least 1 (tokens are appended, never taken away)",
            do="to silence tokens of a model, use MaskTokens",
        )
    if tau not in TAUS:
        raise unknown("tau", tau, TAUS)
    if config.ffn * n_new % config.tokens:
        raise BadInput(
            f"{n_new} new tokens would be {config.ffn * n_new / config.tokens:g} in the MLP.",
            expected=f"a number that {config.ffn} / {config.tokens} turns into a whole one",
        )
    old_scale = config.tokens if config.scale_tokens is None else config.scale_tokens
    return replace(
        config,
        tokens=config.tokens + n_new,
        ffn=config.ffn + config.ffn * n_new // config.tokens,
        scale_tokens=old_scale if tau == "fixed" else None,
    ).build()


def _config(model: Decoder) -> TokenFormer:
    pattention_layers(model)  # raises for a model without
    return model.config


@torch.no_grad()
def _copy_others(old: Decoder, new: Decoder) -> None:
    """Copy what does not grow: the embedding, and norms where they learn."""
    held = dict(old.named_parameters())
    for name, parameter in new.named_parameters():
        if parameter.shape == held[name].shape:
            parameter.copy_(held[name])


@torch.no_grad()
def _fill(layer: Pattention, keys_nD: Tensor, values_nE: Tensor) -> None:
    layer.keys.copy_(keys_nD)
    layer.values.copy_(values_nE)


def _rows(old: Tensor, way: str, picks: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Return as many rows as `picks`, made in one of the ways of `ROWS`."""
    if way == "copy":
        return old[picks]
    drawn = torch.randn(len(picks), old.shape[1], generator=generator) * std
    return torch.zeros_like(drawn) if way == "zero" else drawn


def _shaken(old: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    return old + noise * old.std() * torch.randn(old.shape, generator=generator) if noise else old
