"""The training loop: AdamW, warm-up and cosine, clipping; killed at any moment it goes on where it was, bit for bit."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from labkit import __version__, models, world
from labkit.base.errors import BadInput, BrokenFile, Busy, NotAvailable
from labkit.base.files import parsed, write_atomically
from labkit.base.interrupts import deferred_interrupts
from labkit.models import Decoder

from .batches import Batches
from .checkpoint import read_checkpoint, restore, write_checkpoint
from .log import Log
from .loss import accumulate
from .planting import Planting
from .recipe import Hold, Recipe, differences, read_recipe

__all__ = ["Run", "optimiser_for", "train"]

_PLANTED_BY = 24  # texts of each part


@dataclass(frozen=True)
class Run:
    """How a run ended: `status` is finished or diverged; `tokens` were predicted in `seconds` of training."""

    folder: Path
    recipe: Recipe
    seed: int
    status: str
    step: int
    tokens: int
    seconds: float
    model: Decoder


def train(
    recipe: Recipe | str | Path,
    size: str = "cpu",
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = True,
    say: Callable[[dict[str, Any]], None] | None = None,
    watch: Callable[[int, Decoder], None] | None = None,
) -> Run:
    """Train a model by `recipe` into the folder `out` (default runs/NAME-SIZE-SEED) and return the run.

    A run found there goes on from its last checkpoint; on a CPU with the same number of threads the result is, bit
    for bit, that of a run never stopped. `resume=False` refuses a folder in use. `say` receives each entry of the
    log; `watch(step, model)` is called at the steps in `recipe.keep`.

    Raises `BadInput` when the run in `out` had another recipe or seed, saying what differs, or has diverged.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, size)
    folder = Path(out) if out else Path("runs") / _folder_name(recipe, seed)
    if recipe.device != "cpu" and not torch.cuda.is_available():
        raise NotAvailable(
            f"{recipe.name} in size {recipe.size} needs a GPU, and none is here.", do="train it in size cpu"
        )
    with _alone(folder), using_threads(recipe.threads):
        parent = _parent(recipe, seed, folder, say) if recipe.start else None
        return _Training(recipe, seed, folder, resume, say, watch, parent).run()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process that trains into a folder: two would write over each other's checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise Busy(
            f"Another process is training into {folder}.",
            expected="one run a folder",
            do="wait for it, stop it, or name another folder",
        ) from error


def _parent(recipe: Recipe, seed: int, folder: Path, say: Callable | None) -> Decoder:
    """Return the model that a recipe goes on from; it is trained first where its run is missing or unfinished."""
    first = read_recipe(recipe.start, recipe.size)
    if first.config() != recipe.config():
        raise BadInput(
            f"{recipe.name} cannot go on from {recipe.start}: their models differ.",
            expected="the same [model] in both recipes",
        )
    done = train(first, seed=seed, out=folder.parent / _folder_name(first, seed), say=say)
    if done.status != "finished":
        raise BadInput(f"The run of {recipe.start} in {done.folder} {done.status}.", do="lower its learning rate")
    return done.model


def _folder_name(recipe: Recipe, seed: int) -> str:
    return f"{recipe.name.replace('/', '-')}-{recipe.size}-{seed}"


class _Training:
    """One run at work."""

    def __init__(self, recipe: Recipe, seed: int, folder: Path, resume: bool, say, watch, parent: Decoder | None):
        self.recipe, self.seed, self.folder = recipe, seed, folder
        self.say, self.watch = say or (lambda entry: None), watch or (lambda step, model: None)
        self.log = Log(folder / "log.jsonl")
        self.checkpoint = folder / "checkpoint.safetensors"
        self.batches = Batches(recipe, seed)
        self.model = recipe.config().build(seed).to(recipe.device)
        if parent is not None:
            self.model.load_state_dict(parent.state_dict())
        self.planting = _planting(recipe, self.model, seed)
        self.optimiser = optimiser_for(recipe, self.model)
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.losses: list[float] = []  # since the last line of the log
        self._open(resume)

    def run(self) -> Run:
        started, first = time.perf_counter(), self.seconds
        recent = (self.tokens, started)
        try:
            while self.step < self.recipe.steps:
                with deferred_interrupts():
                    loss, norm = self._one_step()
                    self.losses.append(loss)
                    now = time.perf_counter()
                    self.seconds = first + now - started
                    if not math.isfinite(loss) or not math.isfinite(norm):
                        return self._diverged(loss, norm)
                    if self.step % self.recipe.log_every == 0 or self.step == self.recipe.steps:
                        speed = (self.tokens - recent[0]) / (now - recent[1])
                        self._note(norm, speed)
                        recent = (self.tokens, time.perf_counter())
                    self._keep()
        except KeyboardInterrupt:
            self._save()
            self.say(self.log.write("interrupted", step=self.step))
            raise
        planted = {"planted": self.planting.compile()} if self.planting else {}
        models.save(self.model, self.folder / "final")
        if not self._has("finished"):
            self.say(self._event("finished", **planted))
        return self._result("finished")

    def _one_step(self) -> tuple[float, float]:
        self.step += 1
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr_at(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        groups = self.batches.at(self.step)
        with self.planting.held() if self.planting else nullcontext():
            loss, tokens = accumulate(self.model, groups)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimiser.step()
        if self.planting:
            self.planting.keep()
        self.tokens += tokens
        return loss, float(norm)

    def _keep(self) -> None:
        if self.step in self.recipe.keep:
            models.save(self.model, self.folder / "steps" / f"{self.step:06d}")
            self.watch(self.step, self.model)
        if self.step % self.recipe.save_every == 0 or self.step == self.recipe.steps:
            self._save()

    def _save(self) -> None:
        about = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds, "losses": self.losses}
        write_checkpoint(self.checkpoint, self.model, self.optimiser, about)

    def _note(self, norm: float, speed: float) -> None:
        loss, lr = sum(self.losses) / len(self.losses), self.recipe.lr_at(self.step)
        self.losses = []
        values = {"step": self.step, "loss": loss, "lr": lr, "gradient": norm, "tokens": self.tokens}
        self.say(self.log.write("step", **values, seconds=round(self.seconds, 2), tokens_per_s=round(speed)))

    def _event(self, event: str, **values: Any) -> dict[str, Any]:
        about = {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds, 2)}
        return self.log.write(event, **about, **values)

    def _diverged(self, loss: float, norm: float) -> Run:
        self.say(self._event("diverged", loss=str(loss), gradient=str(norm)))
        return self._result("diverged")

    def _result(self, status: str) -> Run:
        model = self.model.eval()
        return Run(self.folder, self.recipe, self.seed, status, self.step, self.tokens, self.seconds, model)

    # Starting, or going on.

    def _open(self, resume: bool) -> None:
        described = {"seed": self.seed, "torch": torch.__version__, "recipe": self.recipe.as_dict()}
        about = self.folder / "run.json"
        if not about.is_file():
            write_atomically(about, json.dumps(described, indent=2) + "\n")
            self.say(self.log.write("start", labkit=__version__, **described))
            return
        if not resume:
            raise BadInput(
                f"{self.folder} already holds a run.", expected="an empty folder", do="name another folder, or resume"
            )
        changed = differences(_read_json(about), json.loads(json.dumps(described)))
        if changed:
            raise BadInput(
                f"The run in {self.folder} was started otherwise: {'; '.join(changed)}.",
                expected="the same recipe, seed and torch",
                do="go on with the old recipe, or train into another folder",
            )
        if self._has("diverged"):
            raise BadInput(
                f"The run in {self.folder} diverged and cannot go on.",
                do="train into another folder with a lower learning rate",
            )
        self._resume()

    def _has(self, event: str) -> bool:
        return any(entry["event"] == event for entry in self.log.entries())

    def _resume(self) -> None:
        if self.checkpoint.is_file():
            tensors, about = read_checkpoint(self.checkpoint)
            restore(tensors, about["step"], self.model, self.optimiser, self.checkpoint)
            self.step, self.tokens, self.seconds = about["step"], about["tokens"], about["seconds"]
            self.losses = about["losses"]
        self.log.rewind(self.step)
        if self.step < self.recipe.steps:
            self.say(self.log.write("resumed", step=self.step))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFile(
            f"{path} cannot be read ({error}).",
            expected="what the run was started with",
            do="train into another folder",
        ) from error


def _planting(recipe: Recipe, model: Decoder, seed: int) -> Planting | None:
    """Return the planting that a recipe asks for, laid; it chooses its places by texts such as it is trained on."""
    if not recipe.hold:
        return None
    texts = [world.document(part, number, seed).text for part in recipe.documents for number in range(_PLANTED_BY)]
    return Planting(model, Hold(**recipe.hold), world.tokenizer().encode_documents(texts))


def optimiser_for(recipe: Recipe, model: Decoder) -> torch.optim.AdamW:
    """Return AdamW as a recipe wants it; norms, scales and biases do not decay."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=recipe.lr, betas=recipe.betas, fused=True)


@contextmanager
def using_threads(number: int) -> Iterator[None]:
    """Compute with this many threads meanwhile: another number adds in another order, and the last bits differ."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
