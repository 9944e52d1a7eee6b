"""List the models that come with the course, whether their files are whole, and whether the sentence encoder is here.

Any other name that `labkit.load` is given is taken for a model of the hub, or a folder in the hub's layout.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")


def run(options: argparse.Namespace) -> int:
    from labkit.zoo import about_encoder, models  # neither needs torch

    found, encoder = models(), about_encoder()
    if options.json:
        print(json.dumps([*found, encoder], indent=1, ensure_ascii=False))
        return _code(found)
    if not found:
        print("No models are shipped here.")
    for model in found:
        print(_line("✓" if model["ok"] else "✗", model, model["card"].get("about", "")))
        if model["problem"]:
            print("  " + model["problem"].replace("\n", "\n  "))
    if encoder["present"]:
        print(_line("✓", encoder, encoder["about"]))
    else:
        print(f"· {encoder['name']}  not here: {encoder['do']}")
    return _code(found)


def _line(mark: str, model: dict[str, Any], about: str) -> str:
    size = f"{model['params'] / 1e6:.2f}M parameters, {model['bytes'] / 2**20:.1f} MiB"
    return f"{mark} {model['name']}  {size}  {about}".rstrip()


def _code(found: list[dict[str, Any]]) -> int:
    return int(any(not model["ok"] for model in found))
