"""List the models that come with the course, and whether their files are whole.

Any other name that `labkit.load` is given is taken for a model of the hub, or a folder in the hub's layout.
"""

from __future__ import annotations

import argparse
import json

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON list on standard output")


def run(options: argparse.Namespace) -> int:
    from labkit.zoo import models

    found = models()
    if options.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    elif not found:
        print("No models are shipped here.")
    else:
        for model in found:
            mark = "✓" if model["ok"] else "✗"
            size = f"{model['params'] / 1e6:.2f}M parameters, {model['bytes'] / 2**20:.1f} MiB"
            print(f"{mark} {model['name']}  {size}  {model['card'].get('about', '')}".rstrip())
            if model["problem"]:
                print("  " + model["problem"].replace("\n", "\n  "))
    return int(any(not model["ok"] for model in found))
