"""A concept space: a codec and the normaliser fitted to it. Concept models live between `encode` and `decode`."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from labkit.base.errors import BadInput

from .. import task
from .codec import Codec
from .normaliser import Normaliser

__all__ = ["ConceptSpace"]


class ConceptSpace(nn.Module):
    """encode(sentences, language) -> normalised concepts [N, C]; decode goes back through the codec's decoder."""

    home = ""  # the name of a shipped space

    def __init__(self, codec: Codec, normaliser: Normaliser):
        super().__init__()
        self.codec, self.normaliser = codec.eval(), normaliser

    @classmethod
    def fit(cls, codec: Codec, kind: str = "robust") -> ConceptSpace:
        """Return the space of a codec, its normaliser fitted to the English sentences that training may see."""
        seen = task.all_events()[~task.held_out(task.all_events())]
        return cls(codec, Normaliser.fit(codec.eval().encode(task.join([seen, *task.futures(seen)])), kind))

    def encode(self, sentences: task.Sentences, language: str | int = 0) -> Tensor:
        """Return the normalised concepts of sentences written in a language [N, C]."""
        return self.normaliser.normalise(self.codec.encode(sentences, language))

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Return the normalised concepts [N, C] of texts, in whichever language they are written.

        Raises `BadInput` for a text that says nothing in either language.
        """
        pieces = [[*task.tokenizer().encode(text), task.tokenizer().eos] for text in texts]
        _, said_N = task.parse(texts)
        if not said_N.all():
            strange = next(text for text, said in zip(texts, said_N.tolist()) if not said)
            raise BadInput(
                f"“{strange}” is no sentence of this world.",
                expected="a sentence such as “Ilo lost the kettle on Sable .”",
                do="use the world's words in its order, with a space before the full stop",
            )
        rows = torch.tensor([row + [task.PAD] * (task.LENGTH - len(row)) for row in pieces])
        with torch.no_grad():
            return self.normaliser.normalise(self.codec.encode_pieces(rows))

    def pieces(self, z_NC: Tensor, language: str | int = 0) -> Tensor:
        """Return the pieces [N, L] that the decoder writes for normalised concepts."""
        return self.codec.decode_pieces(self.normaliser.denormalise(z_NC), task.language_number(language))

    def decode(self, z_NC: Tensor, language: str | int = 0) -> list[str]:
        """Return the text that the decoder writes for each normalised concept."""
        return self.codec.decode(self.normaliser.denormalise(z_NC), language)

    def again(self, z_NC: Tensor, language: str | int = 0) -> Tensor:
        """Return encode(decode(z)): what is left of a concept after it has been said [N, C]."""
        with torch.no_grad():
            return self.normaliser.normalise(self.codec.encode_pieces(self.pieces(z_NC, language)))

    def must_hold(self, model: object) -> None:
        """Raise `BadInput` for a shipped concept model that was trained in another shipped space."""
        home = getattr(model, "home", "")
        if home and self.home and home != self.home:
            raise BadInput(
                f"This model was trained in the space “{home}”, and this is “{self.home}”.",
                expected="a model and the space of its own codec: vectors of another mean nothing to it",
                do=f'load_space("{home}")',
            )

    @cached_property
    def end_C(self) -> Tensor:
        """The concept of “End of text.” [C]."""
        return self.encode(task.text_end(1))[0]

    @cached_property
    def seen(self) -> task.Sentences:
        """The events that training may see."""
        return task.all_events()[~task.held_out(task.all_events())]

    @cached_property
    def _bank(self) -> tuple[Tensor, Tensor]:
        futures = torch.stack([self.encode(one) for one in task.futures(self.seen)], dim=1)
        return self.encode(self.seen), futures

    def stories(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n English stories as concepts [n, 3, C]: an event, one of its futures, the end of the text."""
        event_EC, future_E4C = self._bank
        which_n = torch.randint(len(event_EC), (n,), generator=generator)
        number_n = task.draw_future(self.seen[which_n], generator)
        return torch.stack([event_EC[which_n], future_E4C[which_n, number_n], self.end_C.expand(n, -1)], dim=1)
