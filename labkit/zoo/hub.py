"""Models in the hub's layout: from the hub or a local folder, safetensors only, never code from elsewhere."""

from __future__ import annotations

import difflib
import errno
import json
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from labkit.base.errors import BrokenFile, LabkitError, NoNetwork, NotAvailable, unknown

from .described import check_described
from .handle import Handle
from .memory import check_room
from .placement import home

__all__ = ["load_hub", "no_bars", "refuse_pickle"]

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib")
_PATIENCE = 1.5  # seconds to connect, and as long again for an answer
_NETWORK = {
    "ConnectionError",
    "TimeoutError",
    "ConnectError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "OfflineModeIsEnabled",
    "LocalEntryNotFoundError",
    "HfHubHTTPError",
}
_SAFE = "weights as .safetensors, which cannot run code when opened"
_CONVERT = "ask the author for a safetensors file, or convert it where you trust it"


def refuse_pickle(path: Path) -> None:
    """Raise `BrokenFile` when `path` (a file, or a folder's weights) is a pickle, by its name or by its content."""
    if path.is_dir():
        safe = sorted(path.glob("*.safetensors"))
        found = sorted(p for p in path.iterdir() if p.suffix in _PICKLES)
        if found and not safe:
            refuse_pickle(found[0])
        for file in safe:
            refuse_pickle(file)
        for file in _named_by_index(path):
            if file.suffix in _PICKLES:
                refuse_pickle(file)
        return
    if path.suffix in _PICKLES:
        raise BrokenFile(f"{path} is a pickle, which can run code when opened.", expected=_SAFE, do=_CONVERT)
    with path.open("rb") as opened:
        head = opened.read(9)
    if head[8:9] == b"{":  # how a safetensors header begins, after its length
        return
    if head.startswith(b"PK\x03\x04") or (head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"):
        raise BrokenFile(f"{path} is a pickle under another name; it was not opened.", expected=_SAFE, do=_CONVERT)


def _named_by_index(folder: Path) -> list[Path]:
    """Return the files that a folder's index of weights names, none where it has none or it cannot be read."""
    try:
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return [folder / str(name) for name in sorted(set(map(str, index["weight_map"].values())))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars, which would stay after in a notebook."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def load_hub(
    name: str, shipped: Iterable[str], asked: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> Handle:
    """Return the handle of a hub id or a local folder in hub layout, its weights in `dtype`.

    asked: the device; None for a GPU where one is here with room for the weights, else the CPU, where they are read.

    Raises `BrokenFile` for pickled, truncated or incomplete weights, `NotAvailable` when the model would need code
    from elsewhere, is behind a licence, does not fit into memory (found out before its weights are read) or the hub
    cannot be reached, `UnknownName` when the hub has no such model.
    """
    # seconds to import; our own models need none of it
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    if Path(name).is_dir():
        refuse_pickle(Path(name))
        here = True
    else:
        here = not _reachable()
    device = home(name, check_room(name, here, dtype), asked)
    try:
        # The flags that keep foreign code out are named, not left to a default that may change.
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, local_files_only=here)
        config = AutoConfig.from_pretrained(name, trust_remote_code=False, local_files_only=here)
        check_described(name, config)  # before gigabytes are fetched
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            name,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            local_files_only=here,
        )
        model, report = loaded
    except LabkitError:
        raise
    except Exception as error:  # the libraries below raise a dozen kinds for the same few reasons
        raise _explained(name, error, list(shipped)) from error
    missing = [*report.get("missing_keys", ()), *map(str, report.get("mismatched_keys", ()))]
    if missing:  # transformers would go on with random numbers in their place
        raise BrokenFile(
            f"The weights of {name} lack {len(missing)} tensors, among them {missing[0]}.",
            expected="all weights its config.json describes",
            do="download it again",
        )
    return Handle(name, model.eval().to(device), tokenizer, {"name": name, "source": "hub"})


def _reachable() -> bool:
    """Whether the hub answers, itself or through a proxy. Its own client tries for a minute; a lesson cannot."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    proxy = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if proxy is not None and urlsplit(proxy).scheme.startswith("socks"):
        return True  # asked in a language of its own: left to the client
    hub = urlsplit(constants.ENDPOINT)
    host = f"{hub.hostname}:{hub.port or 443}"
    address = hub if proxy is None else urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    port = address.port or (80 if proxy is not None and address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname, port), timeout=_PATIENCE) as line:
            if proxy is None or address.scheme != "http":
                return True
            line.settimeout(_PATIENCE)
            line.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            return line.recv(5).startswith(b"HTTP/")  # any answer: what it asks for, its client can give
    except OSError:
        return False


def _explained(name: str, error: Exception, shipped: list[str]) -> LabkitError:
    said, kinds = str(error), {cls.__name__ for cls in type(error).__mro__} | _causes(error)
    stand_in = f"a shipped model can stand in: {', '.join(shipped)}" if shipped else None
    if "trust_remote_code" in said or "execute the configuration file" in said or "custom code" in said:
        return NotAvailable(
            f"{name} would run code from its author on this machine; it was not loaded.",
            expected="a model transformers knows by itself",
            do=stand_in,
        )
    if "GatedRepoError" in kinds or "gated repo" in said:
        return NotAvailable(
            f"{name} is behind a licence that its page asks you to accept.",
            expected="a model that anybody may load, or your own access to this one",
            do=f"accept it on the model's page and log in with: hf auth login; or {stand_in or 'take an open model'}",
        )
    if "SafetensorError" in kinds or ("header" in said.lower() and "deserializ" in said.lower()):
        return BrokenFile(
            f"The weights of {name} are truncated or corrupt ({said.splitlines()[0]}).", do="download it again"
        )
    if "safetensors" in said and ("does not appear to have" in said or "no file named" in said.lower()):
        return BrokenFile(f"{name} offers no safetensors weights.", expected=_SAFE, do=_CONVERT)
    if Path(name).is_dir():
        return BrokenFile(
            f"{name} is not a model folder in hub layout ({said.splitlines()[0]}).",
            expected="config.json, tokenizer.json and model.safetensors",
        )
    if kinds & {"RepositoryNotFoundError", "HFValidationError"}:
        return unknown("model", name, shipped, do="check the name on the hub")
    if _is_disk(error) or (not kinds & _NETWORK and not _is_missing(said)):
        return NotAvailable(
            f"{name} could not be loaded: {_first_line(error)}",
            expected="a model that the installed transformers can read, with its tokenizer, and room for it",
            do=stand_in,
        )
    return NoNetwork(
        f"{name} is not on this machine, and the hub cannot be reached.",
        expected=f"network, or one of the models that come with the course: {', '.join(shipped)}",
        do=f'labkit.load("{nearest(name, shipped)}") can stand in' if shipped else "connect to the network",
    )


def nearest(name: str, shipped: Sequence[str]) -> str:
    """Return the shipped model whose name is most like this one, or lab/tiny where none is."""
    like = difflib.get_close_matches(name, shipped, n=1)
    return like[0] if like else ("lab/tiny" if "lab/tiny" in shipped else shipped[0])


def _is_missing(said: str) -> bool:
    """Whether an error says that a file was looked for in the cache and not found there."""
    return any(words in said for words in ("cached", "cache", "offline", "couldn't connect", "connection"))


def _is_disk(error: BaseException | None) -> bool:
    """Whether a full disk or a forbidden folder lies behind an error: its words may name the cache they are about."""
    while error is not None:
        if isinstance(error, OSError) and (
            error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
            or (isinstance(error, PermissionError) and error.filename)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: BaseException) -> str:
    """Return what went wrong first, in a line: libraries wrap the reason in errors of their own."""
    while (inner := error.__cause__) is not None:
        error = inner
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _causes(error: BaseException | None) -> set[str]:
    names: set[str] = set()
    while error is not None:
        names |= {cls.__name__ for cls in type(error).__mro__}
        error = error.__cause__ or error.__context__
    return names
