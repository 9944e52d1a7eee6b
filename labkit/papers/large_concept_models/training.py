"""What is trained: two codecs, and concept models of five kinds and a token model on the stories. Recipes are data.

    python -m labkit.papers.large_concept_models.training aligned unaligned
    python -m labkit.papers.large_concept_models.training base two-tower --seeds 1 2 3 4 5

writes runs/06/<arm>-<lr>-<seed>.safetensors and a line in runs/06/trained.jsonl; what is there is not trained again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from labkit import models
from labkit.base.errors import BadInput, NotAvailable, unknown
from labkit.models import DecoderConfig
from labkit.training import Fit, Runs, fit

from . import task
from .method import store
from .method.codec import CodecConfig, codec_loss
from .method.losses import denoising_loss
from .method.models import ConceptConfig
from .method.quantise import QuantLCM, fit_books
from .method.schedule import Schedule
from .method.space import ConceptSpace

__all__ = ["ARMS", "CODECS", "Arm", "load_run", "path_of", "story_pieces", "train", "train_codec", "tune_decoder"]

FOLDER = Path("runs/06")
CHOOSING = 0  # the seed on which rates are chosen; no claim uses it


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A recipe: steps of `batch` sentences or stories at the rate chosen on seed 0."""

    steps: int
    lr: float
    batch: int
    kind: str
    books: tuple[int, int] = (0, 0)  # codebooks, units in each
    late: float = 0.0  # share of steps t drawn from the noisier part
    space: str = "aligned"

    def fit(self, lr: float) -> Fit:
        """Return how the arm is fitted at a rate."""
        return Fit(
            steps=self.steps, lr=lr, warmup=min(100, self.steps), last_lr=0.01, betas=(0.9, 0.99), weight_decay=1e-3
        )


CODECS = {
    "aligned": Arm(kind="aligned", steps=1400, lr=3e-3, batch=96),
    "unaligned": Arm(kind="unaligned", steps=700, lr=3e-3, batch=96),
}
ARMS = {
    "base": Arm(kind="base", steps=800, lr=4e-3, batch=128),
    "two-tower": Arm(kind="two-tower", steps=1800, lr=2e-3, batch=256, late=0.4),
    "one-tower": Arm(kind="one-tower", steps=1800, lr=2e-3, batch=256, late=0.4),
    "quant-d": Arm(kind="quant-d", steps=1500, lr=2e-3, batch=128, books=(6, 64)),
    "quant-c": Arm(kind="quant-c", steps=1500, lr=2e-3, batch=128, books=(6, 64)),
    "quant-d long": Arm(kind="quant-d", steps=1800, lr=4e-3, batch=256, books=(6, 64)),
    "quant-c long": Arm(kind="quant-c", steps=1800, lr=8e-3, batch=256, books=(6, 64)),
    "token": Arm(kind="token", steps=600, lr=3e-3, batch=64),
    "token long": Arm(kind="token", steps=1200, lr=1.5e-3, batch=64),
    "two-tower unaligned": Arm(kind="two-tower", steps=1800, lr=2e-3, batch=256, late=0.4, space="unaligned"),
}
WIDTH, DEPTH, FFN = 96, 3, 256
NOISE = 0.3  # the highest α while a codec is trained
TOKEN = DecoderConfig(
    vocab=task.tokenizer().vocab_size, width=112, depth=4, heads=4, ffn=256, context=2 * task.LENGTH + 4, init_std=0.05
)


# Codecs ---------------------------------------------------------------------------------------------------------------


def train_codec(name: str, seed: int = 0) -> tuple[nn.Module, Any]:
    """Return a trained codec and how its fit went."""
    if name not in CODECS:
        raise unknown("codec", name, CODECS)
    arm, codec = CODECS[name], CodecConfig().build(seed)

    def loss_at(model: nn.Module, step: int) -> Tensor:
        g = torch.Generator().manual_seed(_stream(seed, step))
        return codec_loss(model, task.draw(arm.batch, g), g, aligned=name == "aligned", noise=NOISE)

    return codec, fit(codec, loss_at, arm.fit(arm.lr))


def tune_decoder(codec: nn.Module, alpha: float = 0.7, steps: int = 300, lr: float = 1e-3, seed: int = 0) -> Any:
    """Tune a codec's decoder in place on vectors noised up to `alpha`, the encoder as it was (section 4.2)."""
    decoding = ("write_piece", "write_norm", "decoder.", "from_concept", "language", "head")
    parameters = [(name, p) for name, p in codec.named_parameters() if name.startswith(decoding)]

    def loss_at(model: nn.Module, step: int) -> Tensor:
        model.eval()  # the encoder's running mean and spread stay what they were
        g = torch.Generator().manual_seed(_stream(seed, step) + 1)
        return codec_loss(model, task.draw(96, g), g, aligned=True, noise=alpha)

    return fit(codec, loss_at, Fit(steps=steps, lr=lr, warmup=min(20, steps)), parameters=parameters)


# Concept models and the token model -----------------------------------------------------------------------------------


def train(arm: str, space: ConceptSpace | None, seed: int, lr: float | None = None) -> tuple[nn.Module, Any]:
    """Return a model of an arm trained on the stories, and how its fit went; the token model needs no space."""
    if arm not in ARMS:
        raise unknown("arm", arm, ARMS)
    recipe = ARMS[arm]
    model, loss = _token(recipe, seed) if recipe.kind == "token" else _concept(recipe, space, seed)
    return model, fit(model, lambda m, step: loss(m, _stream(seed, step), step), recipe.fit(lr or recipe.lr))


def _concept(recipe: Arm, space: ConceptSpace | None, seed: int) -> tuple[nn.Module, Callable[..., Tensor]]:
    if space is None:
        raise BadInput("A concept model was asked for without a space.", expected="the ConceptSpace it lives in")
    sizes = {"concept": space.codec.config.concept, "width": WIDTH, "depth": DEPTH, "ffn": FFN}
    if recipe.kind.startswith("quant"):
        g = torch.Generator().manual_seed(seed)
        sample = space.stories(8000, g)[:, :2].flatten(0, 1)
        books = fit_books(sample, *recipe.books, g)
        model = QuantLCM.build(ConceptConfig(kind="one-tower", **sizes), books, recipe.kind == "quant-d", seed)
    else:
        model = ConceptConfig(kind=recipe.kind, **sizes).build(seed)
    schedule = Schedule()

    def loss(m: nn.Module, stream: int, step: int) -> Tensor:
        g = torch.Generator().manual_seed(stream)
        x_BNC = space.stories(recipe.batch, g)
        x_BNC = x_BNC if step % 4 == 0 else x_BNC[:, :2]  # the end is soon learned: three texts of four stop before it
        if recipe.kind == "base":
            return m.loss(x_BNC)
        if recipe.kind.startswith("quant"):
            return m.loss(x_BNC, g)
        return denoising_loss(m, x_BNC, schedule, g, late=recipe.late)

    return model, loss


def _token(recipe: Arm, seed: int) -> tuple[nn.Module, Callable[..., Tensor]]:
    events = task.all_events()[~task.held_out(task.all_events())]

    def loss(m: nn.Module, stream: int, step: int) -> Tensor:
        g = torch.Generator().manual_seed(stream)
        some = events[torch.randint(len(events), (recipe.batch,), generator=g)]
        ids_BL = story_pieces(some, task.continue_with(some, task.draw_future(some, g)))
        hidden_B = torch.rand(recipe.batch, generator=g) < 0.15  # some texts begin with the future: P(sentence) alone
        ids_BL = torch.where(hidden_B[:, None], _without_event(ids_BL), ids_BL)
        labels_BL = ids_BL.masked_fill(ids_BL == task.PAD, -100)
        return m(ids_BL.clamp(min=0), labels=labels_BL).loss

    return TOKEN.build(seed), loss


def story_pieces(events: task.Sentences, following: task.Sentences | None = None) -> Tensor:
    """Return English stories as pieces for the token model: begin, the event's words, the future's words, end [B, L].

    The event's own end is taken out, so that a story is one text; PAD fills up. Without futures, the event alone.
    """
    begin_B1 = torch.full((len(events), 1), task.tokenizer().bos)
    first_BL = task.tokens(events, 0)
    end = int((first_BL[0] == task.tokenizer().eos).nonzero())  # every event has as many English words
    parts = [begin_B1, first_BL[:, :end]]
    if following is not None:
        parts.append(task.tokens(following, 0))
    return torch.cat(parts, dim=1)


def _without_event(ids_BL: Tensor) -> Tensor:
    words = ids_BL.shape[1] - 1 - task.LENGTH
    gone_BW = torch.full((len(ids_BL), words), task.PAD)
    return torch.cat([ids_BL[:, :1], ids_BL[:, 1 + words :], gone_BW], dim=1)


# Files ----------------------------------------------------------------------------------------------------------------


def path_of(arm: str, seed: int, lr: float, folder: Path = FOLDER) -> Path:
    """Return where a run's model is kept: a file, or for the token model a folder."""
    name = f"{arm.replace(' ', '-')}-{lr:g}-{seed}"
    return folder / (name if is_token(arm) else f"{name}.safetensors")


def load_run(arm: str, seed: int, lr: float | None = None, folder: Path = FOLDER) -> Any:
    """Return a trained model as it will be shipped, in half precision; raise `NotAvailable` for a run not made."""
    recipe = {**CODECS, **ARMS}[arm]
    path = path_of(arm, seed, lr or recipe.lr, folder)
    if not path.exists():
        raise NotAvailable(f"The run {path} is not there.", do=f"python -m {__spec__.name} {arm} --seeds {seed}")
    return models.load(path) if is_token(arm) else store.read(path)


def is_token(arm: str) -> bool:
    """Return whether an arm predicts words, and needs no space."""
    return {**CODECS, **ARMS}[arm].kind == "token"


def _run(arm: str, seed: int, lr: float, folder: Path) -> dict[str, Any]:
    if arm in CODECS:
        codec, fitted = train_codec(arm, seed)
        model = ConceptSpace.fit(codec)
    else:
        space = None if is_token(arm) else load_run(ARMS[arm].space, CHOOSING, folder=folder)
        model, fitted = train(arm, space, seed, lr)
    path = path_of(arm, seed, lr, folder)
    models.save(model, path, half=True) if is_token(arm) else store.save(model, path)
    weights = sum(p.numel() for p in model.parameters())
    return {"loss": fitted.last(), "seconds": round(fitted.seconds, 1), "diverged": fitted.diverged, "params": weights}


def _stream(seed: int, step: int) -> int:
    return 1_000_003 * (seed + 1) + step


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is named, one after the other."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("arms", nargs="+", choices=[*CODECS, *ARMS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[CHOOSING])
    parser.add_argument("--rates", nargs="+", type=float, help="default: each arm's own")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)
    runs = Runs(asked.folder / "trained.jsonl")
    for seed in asked.seeds:
        for arm in asked.arms:
            for lr in asked.rates or [{**CODECS, **ARMS}[arm].lr]:
                done = runs.do({"arm": arm, "lr": lr, "seed": seed}, partial(_run, arm, seed, lr, asked.folder))
                print(*(f"{key} {value}" for key, value in done.items()), flush=True)


if __name__ == "__main__":
    main()
