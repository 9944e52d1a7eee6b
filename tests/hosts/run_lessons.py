"""Run every notebook of an installed labkit live, as Colab and Binder do, and drive each panel by `.set`.

    python run_lessons.py [--only 01] [--memory 2048] [--static]

For an environment of its own (`make colab`): labkit is imported from where it is installed, never from this repository.
Each notebook runs in a kernel of this very Python, on one core, without network, its memory limited (RLIMIT_DATA, in
MiB). Afterwards a last cell opens every panel it finds, moves it to its presets and asks for its picture. Prints
notebook, cells, seconds, peak memory and panels; exits 1 when one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

LAST = """
import gc, resource
from dataclasses import asdict
from labkit.panels import Panel
panels = [found for found in gc.get_objects() if issubclass(type(found), Panel) and not found.inquiry.closed]
for panel in panels:
    panel.open()
    for state in [*panel.presets()][:2]:
        panel.set(**asdict(state))
        if panel.is_long and panel.inquiry.shown is None:
            continue  # answers only when run, for minutes
        assert panel.shown.sentence and panel.page.picture.value[:4] == b"\\x89PNG", panel
    panel.close()
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, len(panels))
"""


def main() -> int:
    """Run the notebooks one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="notebooks whose name holds this")
    parser.add_argument("--memory", type=int, default=2048, help="MiB a kernel may take")
    parser.add_argument(
        "--static", action="store_true", help="panels as pictures, as the committed notebooks are built"
    )
    options = parser.parse_args()
    import labkit
    from labkit.base.data import lessons_dir

    packages = ("torch", "transformers", "ipywidgets", "ipython", "matplotlib", "numpy")
    print(f"Python {sys.version.split()[0]}, {', '.join(f'{name} {version(name)}' for name in packages)}")
    print(f"labkit {labkit.__version__} in {Path(labkit.__file__).parent}")
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    limit = options.memory * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    failed = [
        path.stem
        for path in sorted(lessons_dir().glob("*/*.ipynb"))
        if options.only in path.stem and not run(path, options.static)
    ]
    print(f"{len(failed)} failed{': ' + ', '.join(failed) if failed else ''}")
    return bool(failed)


def run(path: Path, static: bool) -> bool:
    """Run one notebook and its last cell; print one line."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    count = len([cell for cell in notebook.cells if cell.cell_type == "code"])
    notebook.cells.append(nbformat.v4.new_code_cell(LAST))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as my:
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
        environment = {**os.environ, **nowhere, "LABKIT_MY": my, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        environment["LABKIT_STATIC"] = "1" if static else ""
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": my}})
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            print(f"{path.stem}: FAILED\n{error}", flush=True)
            return False
    said = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    peak, panels = said.rpartition("PEAK")[2].split()
    print(
        f"{path.stem:<44} {count:3} cells {time.perf_counter() - began:6.1f} s {peak:>5} MiB {panels} panels",
        flush=True,
    )
    return True


if __name__ == "__main__":
    sys.exit(main())
