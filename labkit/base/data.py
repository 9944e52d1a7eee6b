"""Where the course keeps its data, its lessons, and the reader's own work.

In a checkout these are the repository's folders; in an installed wheel they travel inside the package.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_dir", "lessons_dir", "my_dir"]

_PACKAGE = Path(__file__).resolve().parent.parent
_CHECKOUT = _PACKAGE.parent


def _shipped(name: str) -> Path:
    in_checkout = _CHECKOUT / name
    if (_CHECKOUT / "pyproject.toml").is_file() and in_checkout.is_dir():
        return in_checkout
    return _PACKAGE / f"_{name}"


def data_dir() -> Path:
    """Return the folder of models, claims, sweeps and the published index (`LABKIT_DATA` overrides it)."""
    return Path(os.environ["LABKIT_DATA"]).expanduser() if "LABKIT_DATA" in os.environ else _shipped("data")


def lessons_dir() -> Path:
    """Return the folder of the committed notebooks, the reading edition."""
    return _shipped("lessons")


def my_dir() -> Path:
    """Return the reader's own folder: copies of lessons, predictions, answers (`LABKIT_MY` overrides it).

    It is never overwritten and git ignores it. An installed wheel has no checkout: there it is the folder around us
    that `labkit lab` has laid out, or `my` in the current one.
    """
    if "LABKIT_MY" in os.environ:
        return Path(os.environ["LABKIT_MY"]).expanduser()
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / "my"
    here = Path.cwd()
    laid_out = [folder for folder in (here, *here.parents) if (folder / ".editions.json").is_file()]
    return laid_out[0] if laid_out else here / "my"
