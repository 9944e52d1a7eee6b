"""A reader without a mouse, in the real JupyterLab: runs a notebook, moves a control, reads what the page then says."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[browser]'")

from lab_page import CHROMIUM, DRIVER, TOY, Page, chromium, jupyter_lab, write_notebook
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed: no browser to test in"
)

LESSON = "00_cut_compare_restore/00_cut_compare_restore.ipynb"
CONTROL = ".labkit-controls > .widget-dropdown select"
PLANTED = """
import labkit
from labkit.papers.cut_compare_restore import AddressMap
from labkit.papers.super_weight import QuantiserPanel, WeightPanel

planted = labkit.load("lab/planted")
weight, story = planted.card["planted"]["address"], labkit.world.story(11).text
"""
PANELS = {
    "weight": "WeightPanel(planted, {'the planted one': weight}, {'a story': story})",
    "quantiser": "QuantiserPanel(planted, weight, [story])",
    "map": "AddressMap(planted)",
}
BUSY = """
import time

with labkit.edit(handle, labkit.DropMLP(0)):
    print("the model is", "busy")
    time.sleep(5)
print(labkit.audit(handle))
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over a reader's folder: the lessons' learner edition, and one notebook of our own."""
    from labkit.course.editions import lay_out

    folder, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("home")
    lay_out(folder, say=lambda text: None)
    write_notebook(folder / "panel.ipynb", f"{TOY}panel = CutPanel(handle, gate=Latch())\npanel", BUSY)
    for name, line in PANELS.items():
        write_notebook(folder / f"{name}.ipynb", PLANTED + line)
    with jupyter_lab(folder, home) as address:
        yield address


@pytest.fixture
def driver(tmp_path):
    with chromium(tmp_path) as driver:
        yield driver


def says(page, *words):
    """Wait until the panel's sentence holds all of these words, in the place a screen reader watches; return it."""
    status = ".labkit-panel [role=status][aria-live=polite]"
    page.wait(lambda: all(word in page.text(status) for word in words), f"sentence with {words}")
    return page.text(status)


def picture(page):
    """Return address and text alternative of the panel's picture, once it has loaded."""
    loaded = (
        "const image = document.querySelector('.labkit-panel img.widget-image');"
        "return image && image.naturalWidth > 500 ? [image.src, image.alt] : null"
    )
    return page.wait(lambda: page.driver.execute_script(loaded), "picture")


def test_a_panel_by_keyboard_alone(address, driver, tmp_path):
    page = Page(driver, address, "panel.ipynb", tmp_path)
    page.run_first()
    page.bring(".labkit-panel button")
    assert "Predict first" in page.text(".labkit-panel") and not page.all(".labkit-panel img")
    page.press("Skip the prediction", Keys.ENTER)
    sentence = says(page, "Without the attention of layer 0")  # it opens on a cut
    before = picture(page)
    assert before[1] == sentence
    cells = len(page.all(".jp-Notebook .jp-Cell"))

    # Single letters are shortcuts of JupyterLab; in the panel they choose from the list.
    page.one(CONTROL).send_keys("n")
    says(page, "Nothing is cut")
    page.one(CONTROL).send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    says(page, "Without the MLP of layer 0")
    handle = page.one(".labkit-panel .noUi-handle")
    assert handle.get_attribute("aria-label") == "of layer" and handle.get_attribute("role") == "slider"
    handle.send_keys(Keys.ARROW_RIGHT)
    sentence = says(page, "Without the MLP of layer 1")
    after = picture(page)
    assert after[0] != before[0] and after[1] == sentence
    assert handle == driver.switch_to.active_element and len(page.all(".jp-Notebook .jp-Cell")) == cells

    page.press("Table")
    page.one(".labkit-panel table caption")
    page.press("Show as code")
    assert "labkit.DropMLP(1)" in page.one(".labkit-panel pre").text
    page.press("Restore")
    says(page, "Nothing is cut", "bit for bit")
    box = page.one(".labkit-controls textarea")
    box.send_keys(" A zebra.", Keys.TAB)  # read when the box is left
    says(page, "never seen", "zebra")
    assert not page.complaints()


def test_a_panel_beside_a_running_cell(address, driver, tmp_path):
    """The model is in the hands of a cell: the panel says so or waits, and then answers the last value asked for."""
    page = Page(driver, address, "panel.ipynb", tmp_path)
    page.run_first()
    page.bring(".labkit-panel button")
    page.press("Skip the prediction", Keys.ENTER)
    says(page, "Without the attention of layer 0")
    page.select(1)
    page.run_next()
    page.wait(lambda: "the model is busy" in page.text(".jp-Notebook"), "running cell")
    for key in ("a", Keys.ARROW_DOWN):
        page.one(CONTROL).send_keys(key)
    says(page, "Without the MLP of layer 0")
    page.wait(lambda: "Nothing is edited" in page.text(".jp-Notebook"), "end of the cell")
    page.wait(lambda: not page.all(".labkit-alert"), "silence")
    assert not page.complaints()


def test_the_panel_reads_in_the_dark_and_on_a_narrow_page(address, driver, tmp_path):
    page = Page(driver, address, "panel.ipynb", tmp_path)
    page.run_first()
    page.bring(".labkit-panel button")
    page.press("Skip the prediction", Keys.ENTER)
    says(page, "Without the attention of layer 0")
    page.press("Table")
    page.press("Show as code")
    page.one(".labkit-panel pre")
    for theme, width in (("JupyterLab Light", 1280), ("JupyterLab Dark", 1280), ("JupyterLab Dark", 900)):
        driver.set_window_size(width, 1500)
        page.theme(theme)
        page.bring(".labkit-panel")
        driver.save_screenshot(str(tmp_path / f"{theme} {width}.png"))
        assert not page.wide(".labkit-panel") and not page.wide(".labkit-status")
        for part in (".labkit-question", ".labkit-status", ".labkit-controls .widget-label", ".labkit-panel pre"):
            assert page.contrast(part) >= 4.5, (theme, part)


def opened(address, driver, tmp_path, name, *words):
    """Open the notebook of one panel, run it, and return the page once the panel says these words."""
    page = Page(driver, address, f"{name}.ipynb", tmp_path)
    page.run_first()
    page.bring(".labkit-panel .labkit-controls")
    says(page, *words)
    return page


def test_a_weight_by_keyboard(address, driver, tmp_path):
    page = opened(address, driver, tmp_path, "weight", "times 0 ", "Of 6 others of the same matrix")
    handle = page.one(".labkit-panel .noUi-handle")
    assert handle.get_attribute("aria-label") == "times"
    handle.send_keys(Keys.ARROW_RIGHT)
    sentence = says(page, "times 0.25")
    assert picture(page)[1] == sentence
    box = page.one(".labkit-controls textarea")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("layers.0.mlp.down[1, 999]", Keys.TAB)
    page.wait(lambda: "no column 999" in page.text(".labkit-panel .labkit-alert"), "plain words about a wrong address")
    assert page.text(".labkit-panel [role=status]") == sentence
    box = page.one(".labkit-controls textarea")
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys("layers.0.mlp.down[1, 2]", Keys.TAB)
    says(page, "layers.0.mlp.down[1, 2] times 0.25")
    page.press("Restore")
    says(page, "Nothing is changed", "bit for bit")
    assert not page.complaints()


def test_a_quantiser_by_keyboard(address, driver, tmp_path):
    page = opened(address, driver, tmp_path, "quantiser", "4 bits give 16 levels", "is now 0.375")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_LEFT)
    says(page, "3 bits give 8 levels")
    outlier, clip = page.all(".labkit-controls > .widget-dropdown select")
    outlier.send_keys("k")  # keep it
    says(page, "The chosen weight stays 0.400")
    for control in (outlier, clip):  # clip the rest, and elsewhere
        before = picture(page)
        control.send_keys(Keys.ARROW_DOWN)
        page.wait(lambda before=before: picture(page)[0] != before[0], "another picture")
    assert picture(page)[1] == says(page, "stays 0.400") and not page.complaints()


def test_addresses_by_keyboard(address, driver, tmp_path):
    page = opened(address, driver, tmp_path, "map", "layers.3.mlp.down is", "of the model")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_LEFT)
    says(page, "layers.2.mlp.down is")
    page.all(".labkit-controls > .widget-dropdown select")[1].send_keys(Keys.ARROW_DOWN)
    sentence = says(page, "layers.2.mlp.down[12, :]", "one output")
    assert picture(page)[1] == sentence
    page.all(".labkit-controls > .widget-dropdown select")[0].send_keys("h")
    says(page, "head[12, :]")
    assert not page.complaints()


def test_the_lesson_as_a_learner_reads_it(address, driver, tmp_path):
    page = Page(driver, address, LESSON, tmp_path)
    page.run_all()
    page.bring(".labkit-panel button")
    assert "Predict first" in page.text(".labkit-panel")
    choice = page.bring(".widget-radio input[type=radio]")
    choice.send_keys(Keys.SPACE)
    page.driver.find_element("xpath", "//button[normalize-space(.)='Store']").send_keys(Keys.SPACE)
    page.wait(lambda: "You said" in page.text(".labkit-panel"), "stored prediction in the panel")
    says(page, "Without the attention of layer 0")  # it opens on a cut
    page.one(CONTROL).send_keys("n")
    intact = says(page, "Nothing is cut", "It knows who has the lantern")
    page.one(CONTROL).send_keys(Keys.ARROW_DOWN)
    cut = says(page, "Without the attention of layer 0")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    last = says(page, "Without the attention of layer 3")
    assert len({intact, cut, last}) == 3 and picture(page)[1] == last
    assert not page.complaints()
