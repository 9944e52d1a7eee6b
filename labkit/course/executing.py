"""Run a notebook as the reading edition is made, and keep only what a reader needs of it."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from labkit.base.errors import BrokenFile, NotAvailable

__all__ = ["execute", "kernels_of_this_python", "reading_environment", "slim"]

_KEPT_TYPES = ("text/plain", "text/markdown", "text/html", "text/latex", "image/png", "image/svg+xml")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def reading_environment(my: str | os.PathLike) -> dict[str, str]:
    """Return the environment of a reading-edition kernel: STATIC, offline, one thread, the record in `my`."""
    fixed = {
        "LABKIT_STATIC": "1",
        "LABKIT_MY": str(my),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "agg",
    }
    return {**os.environ, **fixed}


def execute(
    notebook: Any, folder: Path, timeout: int = 300, allow_errors: bool = False, my: Path | None = None
) -> None:
    """Run every cell in `folder`, in a kernel of this very Python; raise `BrokenFile` naming the cell that failed."""
    try:
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError as error:
        raise NotAvailable("Running notebooks needs nbclient.", do='pip install "transformer-surgery[lab]"') from error
    with tempfile.TemporaryDirectory() as fresh:
        client = NotebookClient(
            notebook,
            km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels_of_this_python()),
            timeout=timeout,
            allow_errors=allow_errors,
            store_widget_state=False,
            shutdown_kernel="immediate",
            extra_arguments=["--IPKernelApp.log_level=40"],  # its remarks about transport are not for authors
            resources={"metadata": {"path": str(folder)}},
        )
        try:
            # A kernel manager that is handed in keeps its kernel alive unless told otherwise.
            client.execute(env=reading_environment(my or fresh), cleanup_kc=True)
        except CellExecutionError as error:
            told = _ANSI.sub("", str(error)).strip()
            raise BrokenFile(f"A cell of the notebook failed.\n{told}", do="mend the source and build again") from error
        except (CellTimeoutError, DeadKernelError) as error:
            raise BrokenFile(
                f"The notebook did not finish: {str(error).splitlines()[0]}",
                expected=f"every cell done within {timeout} s and within memory",
            ) from error


def slim(notebook: Any) -> list[str]:
    """Remove in place what readers do not need and machines differ in; return what was said on stderr.

    Gone are widget views and state, timings, warnings on stderr and kernel versions. Pictures are re-encoded with a
    palette and without the version of the program that drew them.
    """
    said: list[str] = []
    for number, cell in enumerate(notebook.cells, start=1):
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "jupyter") if cell.metadata.get(key)}
        if cell.cell_type == "code":
            said += [f"cell {number}: {text.strip()}" for text in _stderr(cell)]
            cell.outputs = _outputs(cell)
    notebook.metadata = {key: notebook.metadata[key] for key in ("kernelspec",) if key in notebook.metadata}
    notebook.metadata["language_info"] = {"name": "python"}
    return said


def _stderr(cell: Any) -> list[str]:
    return [_text(output.text) for output in cell.outputs if output.get("name") == "stderr"]


def _outputs(cell: Any) -> list[Any]:
    kept: list[Any] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text = _text(kept[-1].text) + _text(output.text)
                continue
        elif output.output_type in ("display_data", "execute_result"):
            data = {name: value for name, value in output.data.items() if name in _KEPT_TYPES}
            if not data or "application/vnd.jupyter.widget-view+json" in output.data:
                continue
            if "image/png" in data:
                data["image/png"] = _small_png(data["image/png"])
                if output.metadata.get("image/png", {}).get("alt"):
                    data.pop("text/html", None)  # the same picture once more, for front ends without alt texts
            output.data = data
        kept.append(output)
    return kept


def _small_png(encoded: str) -> str:
    """Return a picture with at most 256 colours and no metadata, if that is smaller; its pixels look the same."""
    from PIL import Image

    original = base64.b64decode(encoded)
    with contextlib.suppress(OSError), Image.open(io.BytesIO(original)) as picture:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture.convert("RGBA"), mask=picture.convert("RGBA").getchannel("A"))
        best = original
        for version in (flat, flat.quantize(256, dither=Image.Dither.NONE)):
            out = io.BytesIO()
            version.save(out, "PNG", optimize=True)
            best = min(best if best is not original else out.getvalue(), out.getvalue(), key=len)
        return base64.b64encode(best).decode("ascii")
    return encoded


def _text(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def kernels_of_this_python() -> Any:
    """Return what tells a kernel manager of one kernel only, the running Python, whatever kernels the machine has."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class OnlyThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir="", **get_kernel_dict())

    return OnlyThisPython()
