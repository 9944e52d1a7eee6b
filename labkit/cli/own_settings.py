"""What in a reader's own Jupyter configuration opens the server to others: told, for it stays theirs to decide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["opening"]

_TOKENS = ("IdentityProvider", "PasswordIdentityProvider", "ServerApp", "NotebookApp", "LabApp", "LabServerApp")
_NAMES = ("jupyter_config", "jupyter_notebook_config", "jupyter_server_config", "jupyter_lab_config")
_AT_HOME = ("localhost", "127.0.0.1", "::1", "")


def opening(paths: list[str] | None = None) -> list[str]:
    """Return a line for each setting that lets others in, with the file it stands in; paths: default, Jupyter's own."""
    if paths is None:
        from jupyter_core.paths import jupyter_config_path

        paths = jupyter_config_path()
    found = []
    for file in _files(paths):
        settings = _read(file)
        for section in _TOKENS:
            part = settings.get(section, {})
            if not isinstance(part, dict):
                continue
            if part.get("token", "set") == "" and not part.get("hashed_password") and not part.get("password"):
                found.append(f"{file} switches the token off ({section}.token): who reaches the port runs code as you")
            if str(part.get("ip", "localhost")) not in _AT_HOME:
                found.append(f"{file} serves other machines too ({section}.ip = {part['ip']!r})")
    return found


def _files(paths: list[str]) -> list[Path]:
    listed: list[Path] = []
    for path in map(Path, paths):
        for name in _NAMES:
            listed += [path / f"{name}.py", path / f"{name}.json", *sorted((path / f"{name}.d").glob("*.json"))]
    return [file for file in listed if file.is_file()]


def _read(file: Path) -> dict[str, Any]:
    """Return the settings of a file as the server will read them; one it cannot read says nothing here."""
    from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

    loader = JSONFileConfigLoader if file.suffix == ".json" else PyFileConfigLoader
    try:
        return dict(loader(file.name, path=str(file.parent)).load_config())
    except Exception:  # its own mistake is told by the server, in its own words
        return {}
