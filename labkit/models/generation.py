"""Continue a text with any causal language model, ours or one of transformers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .finite import where_not_finite

__all__ = ["generate"]


@torch.no_grad()
def generate(
    model: nn.Module,
    input_ids: Tensor,
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    stop: int | Sequence[int] | None = None,
    context: int | None = None,
    use_cache: bool = True,
) -> Tensor:
    """Return `input_ids` [B, L] followed by up to `max_new_tokens` more.

    temperature 0 takes the likeliest token; above 0 it samples, with `generator`. A row that has said `stop`, one of
    several, or what a model of transformers itself calls an end, repeats it; when all rows have, or the model's
    `context` is full, the text ends there. With `stop` None no token is an end; () leaves it to the model.
    Raises `BadInput` for a text in place of ids, and when the model's logits are no numbers.

    >>> handle = labkit.load("lab/tiny")
    >>> ids = handle.encode("Night fell. Who has the")
    >>> handle.decode(labkit.generate(handle.model, ids[None], max_new_tokens=2)[0])
    'Night fell. Who has the lantern?'
    """
    if not isinstance(model, nn.Module) or not isinstance(input_ids, Tensor):
        raise BadInput(
            f"generate was given {type(model).__name__} and {type(input_ids).__name__}.",
            expected="a module and token ids [B, L]",
            do="for a handle and a text: handle.generate(text, max_new_tokens)",
        )
    if temperature < 0:
        raise BadInput(f"temperature = {temperature} has no meaning.", expected="0 (likeliest token) or above")
    if temperature > 0 and generator is None:
        raise BadInput(
            "Sampling needs a generator.",
            expected="a torch.Generator, so that the same text comes again",
            do="pass generator=torch.Generator().manual_seed(0)",
        )
    context = context or getattr(getattr(model, "config", None), "context", None)
    stops = set() if stop is None else {stop} if isinstance(stop, int) else set(stop)
    if stop is not None:  # what a hub model itself calls an end ends its text as well
        named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        stops |= set(named) if isinstance(named, list | tuple) else {named} - {None}
    room = max_new_tokens if context is None else min(max_new_tokens, context - input_ids.shape[1])
    if room < 0:
        raise BadInput(
            f"The text is {input_ids.shape[1]} tokens long.", expected=f"at most {context}", do="shorten the text"
        )
    ids, fresh, cache = input_ids, input_ids, None
    done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for _ in range(room):
        output = model(fresh if use_cache else ids, past_key_values=cache, use_cache=use_cache)
        cache = output.past_key_values
        if bool(output.logits[:, -1].isnan().any()):
            raise BadInput(
                f"The model's logits are no numbers (NaN), which first appear in {where_not_finite(model, ids)}.",
                expected="finite logits",
                do="look there for a weight or an edit that overflows; load the model in float32",
            )
        fresh = _choose(output.logits[:, -1], temperature, generator)
        if stops:
            fresh = torch.where(done[:, None], ids[:, -1:], fresh)
            done |= torch.isin(fresh[:, 0], torch.tensor(sorted(stops), device=fresh.device))
        ids = torch.cat((ids, fresh), dim=1)
        if stops and bool(done.all()):
            break
    return ids


def _choose(logits_BV: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    if temperature == 0:
        return logits_BV.argmax(dim=-1, keepdim=True)
    # Drawn where the generator is, so that one seed tells one story on every device.
    p_BV = (logits_BV.float() / temperature).softmax(dim=-1).to(generator.device)
    return torch.multinomial(p_BV, 1, generator=generator).to(logits_BV.device)
