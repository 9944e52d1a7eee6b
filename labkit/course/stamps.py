"""The public address, written into README and notebooks from the one place that names it: pyproject's Repository URL.

Sources say `{{repository}}` and `{{badges}}`; README has `<!-- badges -->` and `<!-- claims -->` regions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from urllib.parse import quote

from labkit.base import toml
from labkit.base.errors import BadInput, NotAvailable

__all__ = ["fill", "lesson_badges", "readme_badges", "repository", "stamp_regions", "without_badges"]

_BRANCH = "main"
_PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_BADGE = re.compile(
    r"\[!\[open [^\]]*\]\(https://img\.shields\.io/[^)]*\)\]\([^)]*\)[ ]?|\[!\[read on GitHub\]\([^)]*\)\]\([^)]*\)[ ]?"
)
_CLONE = re.compile(r"git clone (?:<this repository>|https?://\S+) && cd \S+")


def repository(pyproject: Path = _PYPROJECT) -> str:
    """Return the repository's address: from pyproject in a checkout, from the package's metadata in a wheel."""
    if pyproject.is_file():
        urls = toml.read(pyproject).get("project", {}).get("urls", {})
    else:
        try:
            listed = metadata("transformer-surgery").get_all("Project-URL") or []
        except PackageNotFoundError:
            listed = []
        urls = {name.strip(): address.strip() for name, address in (line.split(",", 1) for line in listed)}
    if "Repository" not in urls:
        raise NotAvailable(
            "The address of the repository is not known here.",
            expected="`Repository` under [project.urls] in pyproject.toml, or an installed labkit",
        )
    address = urls["Repository"].rstrip("/")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise BadInput(f"The repository's address is {address!r}.", expected="https://github.com/OWNER/NAME")
    return address


def lesson_badges(address: str, notebook: str) -> str:
    """Return the three ways to open a notebook (`notebook` is its path in the repository), as Markdown."""
    owner_name = address.removeprefix("https://github.com/")
    mine = notebook.replace("lessons/", "my/", 1)
    return " ".join(
        (
            _badge(
                "open in Colab",
                "Colab",
                f"https://colab.research.google.com/github/{owner_name}/blob/{_BRANCH}/{notebook}",
            ),
            _badge("open on Binder", "Binder", _binder(owner_name, f"lab/tree/{mine}")),
            _badge("read on GitHub", "read_only", f"{address}/blob/{_BRANCH}/{notebook}"),
        )
    )


def readme_badges(address: str, first_notebook: str | None) -> str:
    """Return the badges of the README: the whole course on Binder, the first lesson on Colab."""
    owner_name = address.removeprefix("https://github.com/")
    badges = [_badge("open on Binder", "Binder", _binder(owner_name, "lab/tree/my/START_HERE.md"))]
    if first_notebook:
        colab = f"https://colab.research.google.com/github/{owner_name}/blob/{_BRANCH}/{first_notebook}"
        badges.append(_badge("open the first lesson in Colab", "Colab", colab))
    return " ".join(badges)


def fill(source: str, address: str, notebook: str) -> str:
    """Return a cell's source with its placeholders filled."""
    return source.replace("{{badges}}", lesson_badges(address, notebook)).replace("{{repository}}", address)


def without_badges(source: str) -> str:
    """Return a cell's source without the badges that `fill` put there: a reader who has the file needs no way to it."""
    if not _BADGE.search(source):
        return source
    return re.sub(r"\n{3,}", "\n\n", _BADGE.sub("", source)).rstrip()


def stamp_regions(text: str, address: str, regions: Mapping[str, str]) -> str:
    """Return README's text with each `<!-- name -->` … `<!-- /name -->` region and the clone command filled."""
    for name, content in regions.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise BadInput(
                f"The text has no region {name!r}.", expected=f"the lines <!-- {name} --> and <!-- /{name} -->"
            )
        text = pattern.sub(lambda match, content=content: f"{match[1]}{content.strip()}\n{match[2]}", text)
    return _CLONE.sub(f"git clone {address} && cd {address.rsplit('/', 1)[1]}", text)


def _badge(alt: str, label: str, target: str) -> str:
    return f"[![{alt}](https://img.shields.io/badge/{label}-{quote(alt.replace('-', '--'))}-555)]({target})"


def _binder(owner_name: str, path: str) -> str:
    return f"https://mybinder.org/v2/gh/{owner_name}/{_BRANCH}?urlpath={quote(path, safe='')}"
