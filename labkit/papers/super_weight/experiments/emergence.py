"""When in training does a super weight appear? The same detector and the same ablation on every kept checkpoint.

The paper does not say; published work follows massive activations through training, never what a weight costs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit import world
from labkit.base.data import data_dir
from labkit.base.errors import BadInput
from labkit.base.results import Result
from labkit.measurements.estimate import Estimate
from labkit.measurements.tables import text_table
from labkit.measurements.through_training import kept_models
from labkit.zoo import Handle

from ..method.ablation import ablate
from ..method.detector import Candidate, find_super_weights

__all__ = ["Emergence", "Moment", "emergence", "emergence_path", "sweep_emergence"]

_STORIES = 64
_ANY = 1e-9  # a threshold that every weight passes


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One checkpoint and its most prominent weight, whether or not the detector would name it.

    spike: the largest entry that any down projection writes. prominence, share, persistence: of the weight, as in
    `Candidate`. named: whether it passes all three thresholds. ratio: perplexity without it over perplexity with it;
    worst_null: the same for that one of the matched nulls that costs most.
    """

    name: str
    address: str
    spike: float
    prominence: float
    share: float
    persistence: float
    named: bool
    loss: float
    ratio: Estimate
    worst_null: Estimate


@dataclass(frozen=True, kw_only=True)
class Emergence(Result):
    """One moment per kept checkpoint of a run, the earliest first; every interval is over the same documents."""

    model: str
    documents: int
    nulls: int
    moments: tuple[Moment, ...]

    def table(self) -> str:
        """Return one line per checkpoint."""
        rows = [
            [
                one.name, one.address, f"{one.spike:.3g}", f"{one.prominence:.3g}", f"{one.share:.2f}",
                "yes" if one.named else "no", f"{one.ratio.value:.4f}", f"{one.worst_null.value:.4f}",
            ]
            for one in self.moments
        ]  # fmt: skip
        heads = [
            "",
            "most prominent",
            "spike",
            "prominence",
            "share",
            "named",
            "times, at zero",
            f"worst of {self.nulls}",
        ]
        title = f"{self.model} through its training: perplexity over the intact one's, {self.documents} documents"
        return text_table(heads, rows, title=title)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Emergence:
        """Return what `save` wrote, by default the one that comes with the course; raise `BrokenFile` if damaged."""
        return cls.read(emergence_path() if path is None else path, do="labkit sweep emergence --folder RUN")


def emergence_path() -> Path:
    """Return where the measurement that comes with the course lies."""
    return data_dir() / "sweeps" / "01_emergence.json"


def emergence(
    folder: str | Path, texts: Sequence[str], *, model: str = "", nulls: int = 3, seed: int = 0, tell: Any = None
) -> Emergence:
    """Look for the most prominent weight of every checkpoint a run kept, and set it to zero beside matched nulls.

    folder: of a training run of ours. texts: stories; the first is the detector's prompt, the rest are for the
    ablation, with `nulls` of each of three kinds. tell: called with each moment. Raises `BadInput` for a folder
    without checkpoints.
    """
    moments = []
    for name, decoder in kept_models(folder):
        handle = Handle(model or str(folder), decoder.eval(), world.tokenizer())
        moments.append(_look(name, handle, texts, nulls, seed))
        if tell is not None:
            tell(moments[-1])
    name = model or Path(folder).name
    return Emergence(model=name, documents=len(texts) - 1, nulls=3 * nulls, moments=tuple(moments))


def sweep_emergence(
    say: Callable[[str], None] = print, model: str = "lab/tiny", out: Path | None = None, folder: Path | None = None
) -> Path:
    """Do `emergence` for `labkit sweep emergence`, on 64 stories, and return the file it is kept in."""
    if folder is None:
        raise BadInput("No training run was named.", expected="labkit sweep emergence --folder RUN --model NAME")
    stories = [story.text for story in world.documents("stories", _STORIES + 1, seed=0, split="test")]
    found = emergence(
        folder,
        stories,
        model=model,
        tell=lambda one: say(f"{one.name}: {one.address}, perplexity times {one.ratio.value:.4f}"),
    )
    out = out or emergence_path()
    found.save(out)
    return out


def _look(name: str, handle: Handle, texts: Sequence[str], nulls: int, seed: int) -> Moment:
    named = find_super_weights(handle, texts[0])
    found = find_super_weights(handle, texts[0], prominence=_ANY)
    if not found.candidates:
        found = find_super_weights(handle, texts[0], prominence=_ANY, share=_ANY, persistence=_ANY)
    best: Candidate = found.candidates[0]
    trial = ablate(handle, [best.address], texts[1:], nulls=nulls, neurons=False, seed=seed)
    return Moment(
        name=name,
        address=best.address,
        spike=max(abs(spike.value) for spike in found.profile.outputs),
        prominence=best.prominence,
        share=best.share,
        persistence=best.persistence,
        named=best.address in named.addresses,
        loss=trial.intact.value,
        ratio=trial.tried[0].ratio,
        worst_null=max((null.ratio for null in trial.nulls), key=lambda ratio: ratio.value),
    )
