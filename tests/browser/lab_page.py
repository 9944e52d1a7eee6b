"""JupyterLab as `labkit lab` starts it and a real Chromium, each with its own folders; both gone afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from labkit.cli.lab import jupyter_command, jupyter_environment

__all__ = ["CHROMIUM", "DRIVER", "TOY", "Page", "chromium", "jupyter_lab", "write_notebook"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PATIENCE = 120  # seconds for anything slow on a busy machine
ROOT = Path(__file__).parents[2]
TOY = """
import labkit
from toys import toy

from labkit.panels import Latch
from labkit.papers.cut_compare_restore import CutPanel

handle = toy()
"""
_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--force-device-scale-factor=1",
)


def write_notebook(path: Path, *sources: str) -> None:
    """Write a notebook of these code cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


@contextlib.contextmanager
def jupyter_lab(folder: Path, home: Path, **environment: str) -> Iterator[str]:
    """Serve `folder` as `labkit lab` does, on a free port and with no settings of this machine.

    Yields the address of a notebook, with `{}` for its name; the token in it logs in.
    """
    token, runtime, log = secrets.token_hex(16), home / "runtime", home / "server.log"
    env = {name: value for name, value in jupyter_environment(folder, author=False).items() if name not in _PROXIES}
    places = {"RUNTIME": runtime, "CONFIG": home / "config", "DATA": home / "data"}
    env |= {f"JUPYTER_{name}_DIR": str(place) for name, place in places.items()}
    env |= {f"JUPYTERLAB_{name}_DIR": str(home / name) for name in ("SETTINGS", "WORKSPACES")}
    env |= {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "support"))),  # labkit, and the tests' toy
        **environment,
    }
    command = jupyter_command(folder, author=False, browser=False, port=0)
    command += [f"--IdentityProvider.token={token}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"]
    with open(log, "wb") as written:
        server = subprocess.Popen(
            command, env=env, cwd=folder, stdout=written, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield f"{_address(server, runtime, log)}lab/tree/{{}}?token={token}&reset"
    finally:
        _end(server)


def _address(server: subprocess.Popen, runtime: Path, log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        for record in runtime.glob("jpserver-*.json"):
            with contextlib.suppress(json.JSONDecodeError):
                return json.loads(record.read_text())["url"]
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def _end(server: subprocess.Popen) -> None:
    """End the server, which ends its kernels; then whatever is left of its own process group."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(30)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait(10)


@contextlib.contextmanager
def chromium(home: Path, width: int = 1280, height: int = 1500) -> Iterator[webdriver.Chrome]:
    """Open a headless Chromium with a fresh profile and without the network's proxies."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={home / 'profile'}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    env = {name: value for name, value in os.environ.items() if name not in _PROXIES}
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER, env=env))
    try:
        driver.set_page_load_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


_CONTRAST = """
const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
let behind = arguments[0];
while (behind.parentElement && channels(getComputedStyle(behind).backgroundColor)[3] === 0) {
  behind = behind.parentElement;
}
const light = colour => channels(colour).slice(0, 3).map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const pair = [light(getComputedStyle(arguments[0]).color), light(getComputedStyle(behind).backgroundColor)];
return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
"""


class Page:
    """One notebook open in JupyterLab, used as a reader without a mouse uses it."""

    def __init__(self, driver: webdriver.Chrome, address: str, name: str, shots: Path):
        self.driver, self.shots = driver, shots  # shots: where pictures of the screen go
        driver.get(address.format(name))
        self.wait(lambda: self.all(".jp-NotebookPanel .jp-Cell"), "the notebook's cells")

    def all(self, css: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str):
        return self.wait(lambda: self.all(css), css)[0]

    def text(self, css: str) -> str:
        """Return what a reader reads there, or nothing."""
        found = self.all(css)
        return found[0].text if found else ""

    def press(self, words: str, key: str = Keys.SPACE) -> None:
        """Press the panel's button of that name by keyboard."""
        button = f"//div[contains(@class,'labkit-panel')]//button[normalize-space(.)='{words}']"
        self.driver.find_element("xpath", button).send_keys(key)

    def choose(self, label: str, words: str) -> None:
        """Choose from the panel's list called `label` what begins with `words`, by typing it."""
        drop = "//div[contains(@class,'labkit-controls')]//div[contains(@class,'widget-dropdown')]"
        self.driver.find_element("xpath", f"{drop}[.//label[.='{label}']]//select").send_keys(words)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until something is to be seen, and return it."""
        waiting = WebDriverWait(self.driver, seconds, 0.1, ignored_exceptions=[StaleElementReferenceException])
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            self.driver.save_screenshot(str(self.shots / "last_seen.png"))
            raise AssertionError(f"No {what} after {seconds} s; see {self.shots / 'last_seen.png'}.") from None

    def menu(self, *words: str) -> None:
        """Walk through the menu bar by its words."""
        bar = f"//li[contains(@class,'lm-MenuBar-item')]//div[normalize-space(.)={words[0]!r}]"
        self.driver.find_element(By.XPATH, bar).click()
        for word in words[1:]:
            label = f"//div[contains(@class,'lm-Menu-itemLabel')][normalize-space(.)={word!r}]"
            self.wait(lambda label=label: self.driver.find_elements(By.XPATH, label), f"menu entry {word}")[0].click()

    def run_all(self) -> None:
        """Run every cell from the Run menu, once the toolbar shows a kernel that is idle."""
        self.wait(self.is_idle, "idle kernel")
        self.menu("Run", "Run All Cells")

    def run_first(self) -> None:
        """Run the first cell and go to the next."""
        self.wait(self.is_idle, "idle kernel")
        self.run_next()

    def run_next(self) -> None:
        """Run the selected cell and go to the next."""
        self.menu("Run", "Run Selected Cell")

    def select(self, number: int) -> None:
        """Select a cell (from 0): whoever had the keyboard in a cell's output has selected that cell."""
        cell = self.all(".jp-NotebookPanel .jp-Notebook .jp-Cell")[number]
        cell.find_element(By.CSS_SELECTOR, ".jp-InputPrompt").click()
        self.wait(lambda: "jp-mod-active" in cell.get_attribute("class"), f"selected cell {number}")

    def theme(self, name: str) -> None:
        """Put on a theme from the Settings menu."""
        self.menu("Settings", "Theme", name)
        light = str("Light" in name).lower()
        self.wait(lambda: self.all(f"body[data-jp-theme-light='{light}'][data-jp-theme-name='{name}']"), name)

    def is_idle(self) -> bool:
        bar = self.text("#jp-main-statusbar").strip()
        if "|" in bar:
            return "| Idle" in bar
        # On a slow page the bar may never get its words; it counts the kernels all the same, and the toolbar tells.
        idle = ".jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status=idle]"
        return bar[:1] not in ("", "0") and bool(self.all(idle))

    def bring(self, css: str) -> Any:
        """Scroll the notebook down until something is there, and into view; JupyterLab keeps far cells detached."""
        scroll = "const o = document.querySelector('.jp-NotebookPanel .jp-WindowedPanel-outer'); o.scrollTop += 500;"

        def seen() -> Any:
            found = self.all(css)
            if not found:
                self.driver.execute_script(scroll)
            return found

        element = self.wait(seen, css)[0]
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'start'})", element)
        return element

    def wide(self, css: str) -> bool:
        """Return whether an element shows more than it has room for."""
        return self.driver.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", self.one(css))

    def contrast(self, css: str) -> float:
        """Return the contrast (WCAG, 1 to 21) of an element's text with what lies behind it."""
        return self.driver.execute_script(_CONTRAST, self.one(css))

    def complaints(self) -> list[str]:
        """Return the page's own errors, but for one of JupyterLab: its debugger's, when a kernel restarts meanwhile."""
        said = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]
        return [words for words in said if "Could not restore the debugger state" not in words]
