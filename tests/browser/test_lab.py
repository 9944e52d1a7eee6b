"""A reader without a mouse, in the real JupyterLab: runs a notebook, moves a control, reads what the page then says."""

from pathlib import Path

import nbformat
import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[browser]'")

from lab_page import CHROMIUM, DRIVER, Page, chromium, jupyter_lab
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed: no browser to test in"
)

TOY = """
import time, labkit
from labkit import world, zoo
from labkit.models import DecoderConfig
from labkit.panels import CutPanel, Latch

vocab = world.tokenizer().vocab_size
config = DecoderConfig(vocab=vocab, width=24, depth=3, heads=2, ffn=32, context=320, init_std=0.3)
handle = zoo.Handle("lab/toy", config.build(seed=1).eval(), world.tokenizer(), {})
panel = CutPanel(handle, gate=Latch())
panel
"""
BUSY = """
with labkit.edit(handle, labkit.DropMLP(0)):
    print("inside")
    time.sleep(3)
print("the cell has finished")
"""
LAST = 'print(panel.state.part, panel.state.layer, panel.data.part, labkit.audit(handle).clean, "so it ends")'


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over a reader's folder: the lessons' learner edition, and one notebook of our own."""
    from labkit.lessons.editions import lay_out

    folder, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("home")
    lay_out(folder, say=lambda text: None)
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (TOY, BUSY, LAST)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "panel.ipynb")
    with jupyter_lab(folder, home, PYTHONPATH=str(Path(__file__).parents[2])) as address:
        yield address


@pytest.fixture
def driver(tmp_path):
    with chromium(tmp_path) as driver:
        yield driver


def says(page, *words):
    """Wait until the panel's sentence, which a screen reader is told of, holds all of these words; return it."""
    status = ".labkit-panel [role=status][aria-live=polite]"
    page.wait(lambda: all(word in page.text(status) for word in words), f"sentence with {words}")
    return page.text(status)


def picture(page):
    """Return the source of the panel's picture, once it has loaded."""
    wide = "const image = document.querySelector('.labkit-panel img'); return image.naturalWidth > 500 && image.src"
    return page.wait(lambda: page.driver.execute_script(wide), "picture")


def test_a_panel_by_keyboard_alone(address, driver, tmp_path):
    page = Page(driver, address, "panel.ipynb", tmp_path)
    page.run_all()
    skip = page.bring(".labkit-panel button")
    assert "Predict first" in page.text(".labkit-panel") and not page.all(".labkit-panel img")
    skip.send_keys(Keys.ENTER)
    says(page, "Nothing is cut")
    before = picture(page)

    page.one(".labkit-controls > .widget-dropdown select").send_keys("attention")
    says(page, "Without the attention of layer 0")
    handle = page.one(".labkit-panel .noUi-handle")
    handle.send_keys(Keys.ARROW_RIGHT)
    sentence = says(page, "Without the attention of layer 1")
    assert picture(page) != before and handle == driver.switch_to.active_element

    page.wait(page.is_idle, "idle kernel")
    assert "so it ends" in page.text(".jp-Notebook")
    for button, shown in (("Table", "table caption"), ("Show as code", "pre")):
        page.driver.find_element("xpath", f"//button[normalize-space(.)='{button}']").send_keys(Keys.SPACE)
        assert page.one(f".labkit-panel {shown}").is_displayed()
    assert "labkit.DropAttention(1)" in page.text(".labkit-panel pre")
    assert not page.complaints(), sentence
