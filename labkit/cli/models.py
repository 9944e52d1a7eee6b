"""List the models that can be loaded without a network.

Any other name is taken for a model of the hub or a folder in the hub's layout.
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
        return 0
    for model in found:
        print(model)
    return 0
