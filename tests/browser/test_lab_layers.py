"""The grid of layers, the race, and the panels of lesson 08 in the real JupyterLab, by keyboard alone."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[browser]'")

from lab_page import CHROMIUM, DRIVER, Page, chromium, jupyter_lab, write_notebook
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed: no browser to test in"
)

PANELS = {
    "grid": "LayerGridPanel('lab/deep')",
    "race": "RacePanel('lab/deep')",
    "pair": "PairPanel()",
    "beginning": "BeginningPanel()",
    "scaling": "ScalingPanel('lab/deep')",
}
STATUS = ".labkit-panel [role=status][aria-live=polite]"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over notebooks of one panel each."""
    folder, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("home")
    for name, line in PANELS.items():
        write_notebook(folder / f"{name}.ipynb", f"import labkit\nlabkit.panels.{line}")
    with jupyter_lab(folder, home) as address:
        yield address


@pytest.fixture
def page(address, request, tmp_path):
    with chromium(tmp_path) as driver:
        page = Page(driver, address, f"{request.param}.ipynb", tmp_path)
        page.run_first()
        page.bring(".labkit-panel .labkit-controls")
        yield page
        driver.save_screenshot(str(tmp_path / "end.png"))
        assert not page.complaints()


def says(page, *words):
    page.wait(lambda: all(word in page.text(STATUS) for word in words), f"sentence with {words}")


def box(page, words):
    """Return the checkbox of that name."""
    return page.driver.find_element(
        "xpath", f"//label[.//span[normalize-space(.)='{words}'] or normalize-space(.)='{words}']//input | "
        f"//div[contains(@class,'widget-checkbox')][normalize-space(.)='{words}']//input"
    )  # fmt: skip


@pytest.mark.parametrize("page", ["grid"], indirect=True)
def test_boxes_by_keyboard(page, tmp_path):
    says(page, "Nothing is left out")
    group = page.one(".labkit-grid")
    assert group.get_attribute("role") == "group" and "left out" in group.get_attribute("aria-label")
    box(page, "att 3").send_keys(Keys.SPACE)
    says(page, "Without the attention of layer 3", "Stored answer")
    assert page.driver.switch_to.active_element.get_attribute("type") == "checkbox"
    box(page, "both 3").send_keys(Keys.SPACE)
    says(page, "Without the whole of layer 3")
    assert box(page, "MLP 3").is_selected()
    box(page, "MLP 5").send_keys(Keys.SPACE)  # not stored: the model is asked
    page.wait(lambda: "the MLP of layer 5, the whole of layer 3" in page.text(STATUS), "an answer of the model")
    assert "Stored" not in page.text(STATUS)
    listed = page.one(".labkit-controls .widget-dropdown select")
    listed.send_keys("the 4 M")
    says(page, "Without the MLP of layers")
    assert not box(page, "att 3").is_selected()
    assert not page.wide(".labkit-panel") and not page.wide(".labkit-grid")


@pytest.mark.parametrize("page", ["race"], indirect=True)
def test_race_by_keyboard(page):
    says(page, "With 1 gone")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    says(page, "With 3 gone", "Stored answer")
    page.one(".labkit-controls select").send_keys("f")
    says(page, "facts", "With 3 gone")
    button = "//div[contains(@class,'labkit-panel')]//button[normalize-space(.)='Recompute']"
    page.driver.find_element("xpath", button).send_keys(Keys.SPACE)
    page.wait(lambda: "Press Run" in page.text(".labkit-panel .labkit-alert"), "the offer to run")
    says(page, "With 3 gone")  # the picture stays


def choose(page, label, words):
    """Choose from the list called `label` what begins with `words`, by typing it."""
    drop = "//div[contains(@class,'labkit-controls')]//div[contains(@class,'widget-dropdown')]"
    at = f"{drop}[.//label[.='{label}']]//select"
    page.driver.find_element("xpath", at).send_keys(words)


@pytest.mark.parametrize("page", ["pair"], indirect=True)
def test_pairs_of_models_by_keyboard(page):
    says(page, "Without block 8 (trained)", "Pre-LN", "LayerNorm Scaling")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_LEFT)
    says(page, "Without block 7 (trained)")
    choose(page, "Leave out", "its M")
    says(page, "Without its MLP in block 7 (trained)")
    choose(page, "When", "before")
    says(page, "Without its MLP in block 7 (untrained)")


@pytest.mark.parametrize("page", ["beginning"], indirect=True)
def test_untrained_models_by_keyboard(page):
    says(page, "24 untrained blocks, LayerNorm Scaling, first values plain")
    choose(page, "Norm", "Post")
    says(page, "24 untrained blocks, Post-LN")
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_RIGHT)
    says(page, "25 untrained blocks, Post-LN")
    choose(page, "First values", "OLMo")
    says(page, "25 untrained blocks, Post-LN, first values OLMo's")


@pytest.mark.parametrize("page", ["scaling"], indirect=True)
def test_the_switch_by_keyboard_and_back(page):
    says(page, "Nothing is switched")
    as_trained = page.text(STATUS)
    choose(page, "Norms", "scaling on")
    page.wait(lambda: "Nothing is switched" not in page.text(STATUS) and "Surprise" in page.text(STATUS), "a switch")
    switched = page.text(STATUS)
    page.one(".labkit-panel .noUi-handle").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: page.text(STATUS) not in (switched, ""), "another p")
    restore = "//div[contains(@class,'labkit-panel')]//button[normalize-space(.)='Restore']"
    page.driver.find_element("xpath", restore).send_keys(Keys.SPACE)
    says(page, as_trained, "Everything is back, bit for bit")
