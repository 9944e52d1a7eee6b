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
    "beginning": "InitialisationPanel()",
    "scaling": "ScalingPanel('lab/deep')",
}
STATUS = ".labkit-panel [role=status][aria-live=polite]"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over notebooks of one panel each."""
    folder, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("home")
    for name, line in PANELS.items():
        write_notebook(folder / f"{name}.ipynb", f"import labkit\nlabkit.{line}")
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
    page.press("Recompute")
    page.wait(lambda: "Press Run" in page.text(".labkit-panel .labkit-alert"), "the offer to run")
    says(page, "With 3 gone")  # the picture stays


def slide(page, key):
    page.one(".labkit-panel .noUi-handle").send_keys(key)


@pytest.mark.parametrize(
    ("page", "first", "moves"),
    [
        (
            "pair",
            "Without block 8 (trained)",
            [
                (slide, (Keys.ARROW_LEFT,), "Without block 7 (trained)"),
                (Page.choose, ("Leave out", "its M"), "Without its MLP in block 7 (trained)"),
                (Page.choose, ("When", "before"), "Without its MLP in block 7 (untrained)"),
            ],
        ),
        (
            "beginning",
            "24 untrained blocks, LayerNorm Scaling, first values plain",
            [
                (Page.choose, ("Norm", "Post"), "24 untrained blocks, Post-LN"),
                (slide, (Keys.ARROW_RIGHT,), "25 untrained blocks, Post-LN"),
                (Page.choose, ("First values", "OLMo"), "25 untrained blocks, Post-LN, first values OLMo's"),
            ],
        ),
    ],
    indirect=["page"],
)
def test_models_side_by_side_by_keyboard(page, first, moves):
    says(page, first)
    for move, how, said in moves:
        move(page, *how)
        says(page, said)


@pytest.mark.parametrize("page", ["scaling"], indirect=True)
def test_the_switch_by_keyboard_and_back(page):
    says(page, "Nothing is switched")
    as_trained = page.text(STATUS)
    page.choose("Norms", "scaling on")
    page.wait(lambda: "Nothing is switched" not in page.text(STATUS) and "Loss" in page.text(STATUS), "a switch")
    switched = page.text(STATUS)
    slide(page, Keys.ARROW_RIGHT)
    page.wait(lambda: page.text(STATUS) not in (switched, ""), "another p")
    page.press("Restore")
    says(page, as_trained, "Everything is back, bit for bit")
