"""Mouse and patience, in the real JupyterLab: dragging, two panels on one model, a kernel or a page started anew."""

import time

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[browser]'")

from lab_page import CHROMIUM, DRIVER, TOY, Page, chromium, jupyter_lab, write_notebook
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed: no browser to test in"
)

CELLS = (
    TOY,
    "one = CutPanel(handle)\none",
    "other = CutPanel(handle)\nother",
    "print(labkit.audit(handle))",
    "one.close()",
)
COUNT = """
window.pictures = 0;
new MutationObserver(seen => { window.pictures += seen.length; })
  .observe(document.querySelector('.labkit-panel img.widget-image'), {attributeFilter: ['src']});
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A JupyterLab over one notebook with two panels on one model."""
    folder, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("home")
    write_notebook(folder / "two.ipynb", *CELLS)
    with jupyter_lab(folder, home) as address:
        yield address


@pytest.fixture
def page(address, tmp_path):
    """The notebook with a kernel of its own, both panels open and answering."""
    with chromium(tmp_path, height=2600) as driver:
        page = Page(driver, address, "two.ipynb", tmp_path)
        page.wait(page.is_idle, "idle kernel")
        restart(page)
        for _ in range(3):
            page.run_next()
        page.wait(lambda: len(panels(page)) == 2, "two panels")
        for number in (0, 1):
            says(page, number, "Without the attention of layer 0")
        yield page
        driver.save_screenshot(str(tmp_path / "end.png"))
        # Where a panel was closed, a page that is loaded again says that its model is gone: so it is.
        assert not [words for words in page.complaints() if "widget model not found" not in words]


def restart(page):
    page.menu("Kernel", "Restart Kernel and Clear Outputs of All Cells…")
    page.one(".jp-Dialog-button.jp-mod-warn").click()
    page.wait(lambda: not page.all(".jp-Dialog"), "end of the dialog")
    page.wait(page.is_idle, "idle kernel")
    page.select(0)


def panels(page):
    return page.all(".labkit-panel")


def said(page, number):
    found = panels(page)[number].find_elements(By.CSS_SELECTOR, "[role=status]")
    return found[0].text if found else ""


def says(page, number, *words):
    page.wait(lambda: all(word in said(page, number) for word in words), f"{words} in panel {number}")


def part_of(page, number, css):
    return page.wait(lambda: panels(page)[number].find_elements(By.CSS_SELECTOR, css), css)[0]


def parts(page, number):
    """Return the list of parts of a panel."""
    return Select(part_of(page, number, ".labkit-controls > .widget-dropdown select"))


def handle(page, number=0):
    return part_of(page, number, ".noUi-handle")


def show(page, number):
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'start'})", panels(page)[number])


def test_a_panel_by_mouse_alone(page):
    show(page, 0)
    parts(page, 0).select_by_visible_text("attention")
    says(page, 0, "Without the attention of layer 0")
    width = part_of(page, 0, ".noUi-base").size["width"]
    ActionChains(page.driver).drag_and_drop_by_offset(handle(page), width // 2, 0).perform()
    says(page, 0, "Without the attention of layer 1")
    track = part_of(page, 0, ".noUi-base")
    ActionChains(page.driver).move_to_element_with_offset(track, width // 2 - 2, 0).click().perform()
    says(page, 0, "Without the attention of layer 2")
    for words, seen in (("Table", "table caption"), ("Show as code", "pre")):
        button = f".//button[normalize-space(.)='{words}']"
        panels(page)[0].find_element(By.XPATH, button).click()
        part_of(page, 0, seen)
    panels(page)[0].find_element(By.XPATH, ".//button[normalize-space(.)='Restore']").click()
    says(page, 0, "Nothing is cut", "bit for bit")


def test_ten_seconds_of_dragging_leave_no_queue(page):
    """The picture follows; after letting go at the end one or two answers are on their way, and the last one stays."""
    show(page, 0)
    parts(page, 0).select_by_visible_text("MLP")
    says(page, 0, "Without the MLP of layer 0")
    page.driver.execute_script(COUNT)
    width, began, forth = part_of(page, 0, ".noUi-base").size["width"], time.monotonic(), 1
    hand = ActionChains(page.driver, duration=60)
    hand.click_and_hold(handle(page)).perform()
    while time.monotonic() - began < 10:
        hand.move_by_offset(forth * (width - 4), 0).perform()
        forth = -forth
    if forth == 1:
        hand.move_by_offset(width - 4, 0).perform()
    drawn = page.driver.execute_script("return window.pictures")
    hand.release().perform()
    says(page, 0, "Without the MLP of layer 2")
    page.wait(page.is_idle, "idle kernel")
    time.sleep(2)
    says(page, 0, "Without the MLP of layer 2")
    assert drawn >= 2, "nothing was drawn while dragging"
    assert page.driver.execute_script("return window.pictures") - drawn <= 4, "stale moves were still worked off"
    page.select(3)
    page.run_next()
    page.wait(lambda: "Nothing is edited" in page.text(".jp-Notebook"), "living kernel and untouched model")


def test_two_panels_on_one_model_do_not_mix(page):
    parts(page, 0).select_by_visible_text("attention")
    parts(page, 1).select_by_visible_text("MLP")
    says(page, 0, "Without the attention of layer 0")
    says(page, 1, "Without the MLP of layer 0")
    alone = said(page, 1)
    handle(page, 0).send_keys(Keys.ARROW_RIGHT)
    handle(page, 1).send_keys(Keys.ARROW_RIGHT)
    says(page, 0, "Without the attention of layer 1")
    says(page, 1, "Without the MLP of layer 1")
    handle(page, 1).send_keys(Keys.ARROW_LEFT)
    says(page, 1, "Without the MLP of layer 0")
    assert said(page, 1) == alone, "the other panel's cut is in this one's answer"
    page.select(3)
    page.run_next()
    page.wait(lambda: "Nothing is edited" in page.text(".jp-Notebook"), "untouched model")


def test_the_order_of_the_tab_key_is_that_of_the_page(page):
    """Controls first, in the order they are read; then the buttons; then out of the panel."""
    first = part_of(page, 0, ".labkit-controls select, .labkit-controls textarea, .labkit-controls input")
    page.driver.execute_script("arguments[0].focus()", first)
    visited = []
    for _ in range(30):
        active = page.driver.switch_to.active_element
        if not page.driver.execute_script("return arguments[0].contains(arguments[1])", panels(page)[0], active):
            break
        visited.append(active)
        active.send_keys(Keys.TAB)
    else:
        pytest.fail("The Tab key does not lead out of the panel.")
    css = "select, textarea, input:not([type=hidden]), .noUi-handle, [contenteditable], button:not(:disabled)"
    reached = "return arguments[0].tabIndex >= 0 || arguments[0].isContentEditable"
    on_page = [e for e in panels(page)[0].find_elements(By.CSS_SELECTOR, css) if e.is_displayed()]
    reading = [e for e in on_page if page.driver.execute_script(reached, e)]
    outer = [page.driver.execute_script("return arguments[0].outerHTML", e)[:200] for e in visited if e not in reading]
    assert visited == reading, outer
    names = [e.get_attribute("textContent").strip() for e in visited if e.tag_name == "button"]
    assert names[-3:] == ["Restore", "Table", "Show as code"]


def test_after_a_restart_the_cells_run_again(page):
    parts(page, 0).select_by_visible_text("attention")
    says(page, 0, "Without the attention of layer 0")
    restart(page)
    assert not panels(page)
    for _ in range(2):
        page.run_next()
    page.wait(lambda: panels(page), "the panel")
    says(page, 0, "Without the attention of layer 0")


def test_a_page_loaded_again_finds_its_panels(page):
    """One panel is closed, the page is loaded anew: the other still shows what it showed, and moves."""
    parts(page, 1).select_by_visible_text("MLP")
    says(page, 1, "Without the MLP of layer 0")
    page.select(4)
    page.run_next()
    page.wait(lambda: len(panels(page)) == 1, "one panel")
    page.menu("File", "Save Notebook")
    page.wait(lambda: not page.all(".jp-mod-dirty"), "saved notebook")
    page.driver.get(page.driver.current_url.partition("?")[0])
    page.wait(lambda: panels(page), "the panel again")
    says(page, 0, "Without the MLP of layer 0")
    handle(page).send_keys(Keys.ARROW_RIGHT)
    says(page, 0, "Without the MLP of layer 1")
