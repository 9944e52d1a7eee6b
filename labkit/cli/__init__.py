"""The command `labkit`: one small file per command, each with `--help`; problems are told in plain lines."""

from .entry import main

__all__ = ["main"]
