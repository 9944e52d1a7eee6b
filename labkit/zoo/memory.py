"""Whether a model of the hub fits into this machine's memory: found out before its weights are read."""

from __future__ import annotations

import math
import struct
from collections import Counter
from pathlib import Path

import torch

from labkit.base.errors import NotAvailable
from labkit.base.files import parsed

__all__ = ["check_room", "free_memory", "parameter_counts"]

_ROOM = 1.25  # beside the weights: the file's own copy of a layer, activations of a text
_GIB = 2**30
_CGROUPS = (  # (limit, used) of the group this process is in, as containers see them
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def check_room(name: str, here: bool, dtype: torch.dtype = torch.float32) -> float:
    """Return the bytes of memory that a hub id or local folder needs in `dtype`; here: ask no network.

    Raises `NotAvailable` when fewer are free. What cannot be found out is no reason to refuse: it counts as 0.
    """
    counts, free = parameter_counts(name, here), free_memory()
    needed = sum(counts.values()) * dtype.itemsize * _ROOM
    if not counts or free is None or needed <= free:
        return needed
    stored, asked = ", ".join(kind for kind, _ in counts.most_common(2)), str(dtype).removeprefix("torch.")
    raise NotAvailable(
        f"{name} has {sum(counts.values()) / 1e9:.2g} billion parameters (stored as {stored}). In {asked} it "
        f"needs about {needed / _GIB:.1f} GiB of memory, and {free / _GIB:.1f} GiB are free.",
        expected=f"at most {free / dtype.itemsize / _ROOM / 1e9:.2g} billion parameters on this machine",
        do=("" if dtype.itemsize < 4 else 'dtype="bfloat16" halves that; or ')
        + "take a smaller model of the family, close other notebooks, or use a machine with more memory",
    )


def parameter_counts(name: str, here: bool) -> Counter[str]:
    """Return how many parameters are stored in which type; empty when that cannot be told without a download."""
    from huggingface_hub import get_safetensors_metadata, snapshot_download

    if Path(name).is_dir():
        return _in_folder(Path(name))
    try:
        if here:
            return _in_folder(Path(snapshot_download(name, local_files_only=True)))
        return Counter(get_safetensors_metadata(name).parameter_count)
    except Exception:  # not cached, no safetensors, no such model: loading itself says which
        return Counter()


def free_memory() -> int | None:
    """Return the bytes that this process may still take, the limit of a container included; None where unknown."""
    found = [_available()]
    for limit, used in _CGROUPS:
        try:
            found.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such group, or the limit is "max"
            continue
    known = [size for size in found if size is not None]
    return max(0, min(known)) if known else None


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(values["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in values else None


def _in_folder(folder: Path) -> Counter[str]:
    """Return the counts from the headers of the safetensors files that are read; a damaged one counts nothing."""
    counts: Counter[str] = Counter()
    for path in _read_files(folder):
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = parsed(file.read(min(length, path.stat().st_size)))
            entries = [entry for key, entry in header.items() if key != "__metadata__"]
            counts.update({entry["dtype"]: 0 for entry in entries})
            for entry in entries:
                counts[entry["dtype"]] += math.prod(entry["shape"])
        except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError):
            continue
    return counts


def _read_files(folder: Path) -> list[Path]:
    """Return the files of weights that transformers reads: what the index names, else model.safetensors, else all.

    Some repositories hold the same weights twice, under the author's own names.
    """
    index, single = folder / "model.safetensors.index.json", folder / "model.safetensors"
    try:
        named = set(parsed(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [folder / name for name in sorted(named) if "/" not in name]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
