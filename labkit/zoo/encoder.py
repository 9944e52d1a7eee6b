"""The sentence encoder all-MiniLM-L6-v2: real weights, offline, 22 million of them.

It reads a sentence in both directions and gives it a place: a direction of 384 numbers. Sentences of like meaning
lie near each other (Reimers and Gurevych 2019; Wang et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from labkit.base.errors import BadInput, BrokenFile, NotAvailable
from labkit.base.files import sha256

from . import packaged
from .handle import Handle
from .hub import no_bars, refuse_pickle
from .packaged import INSTALL, NAME, encoder_folder

__all__ = ["Encoder", "load_encoder"]

_ROWS = 64  # sentences in one pass


@dataclass(frozen=True, eq=False, repr=False)
class Encoder(Handle):
    """A handle of a model that embeds sentences instead of continuing them."""

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return one direction of length 1 per text [B, D]: the mean over its tokens' last states, normalised.

        The dot product of two is their cosine. Texts of equal length are read together, none is padded or cut.
        """
        ids = self.encode_batch(texts)
        longest = self.model.config.max_position_embeddings
        by_length: dict[int, list[int]] = {}
        for number, row in enumerate(ids):
            if len(row) > longest:
                raise BadInput(f"Text {number} has {len(row)} tokens.", expected=f"at most {longest}", do="shorten it")
            by_length.setdefault(len(row), []).append(number)
        embedding, device = self.model.get_input_embeddings().weight, self.model.device
        found = torch.empty(len(ids), embedding.shape[1], device=device)
        for numbers in by_length.values():
            for start in range(0, len(numbers), _ROWS):
                index = numbers[start : start + _ROWS]
                h_BLD = self.model(torch.stack([ids[i] for i in index]).to(device)).last_hidden_state
                found[index] = torch.nn.functional.normalize(h_BLD.float().mean(dim=1), dim=-1)
        return found

    def generate(self, text: str, max_new_tokens: int = 40, *, temperature: float = 0.0, seed: int = 0) -> str:
        """Raise `NotAvailable`: an encoder continues nothing."""
        raise NotAvailable(
            f"{self.name} reads whole sentences and predicts no next word.",
            do="handle.embed([text]) gives its place; lab/tiny can continue a text",
        )


def load_encoder() -> Encoder:
    """Return the encoder of the installed package, in float32 on the CPU.

    Raises `NotAvailable` with the line that installs it, `BrokenFile` when its files are damaged.
    """
    folder = encoder_folder()
    if folder is None:
        raise NotAvailable(
            f"The package with the encoder {NAME} is not installed (87 MB; it brings weights, no other packages).",
            do=INSTALL,
        )
    refuse_pickle(folder)
    if (found := sha256(folder / "model.safetensors")) != packaged.WEIGHTS:
        raise BrokenFile(
            f"The encoder's weights in {folder} are not those the course was tested with (SHA-256 {found[:12]}…).",
            expected=f"{packaged.WEIGHTS[:12]}…",
            do=f"{INSTALL} --force-reinstall",
        )
    from transformers import AutoModel, AutoTokenizer  # seconds to import

    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
        with no_bars():
            model, report = AutoModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **safe
            )
    except Exception as error:  # many kinds, one reason: the files are not what they were
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BrokenFile(f"{folder} is damaged ({first}).", do=f"{INSTALL} --force-reinstall") from error
    if missing := [*report.get("missing_keys", ()), *map(str, report.get("mismatched_keys", ()))]:
        raise BrokenFile(f"The weights in {folder} lack {missing[0]}.", do=f"{INSTALL} --force-reinstall")
    return Encoder(NAME, model.eval(), tokenizer, {"name": NAME, "source": "package", "model": "all-MiniLM-L6-v2"})
