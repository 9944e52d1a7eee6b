"""The site without a kernel: a stored panel answers mouse and keyboard, and text is readable in light and dark."""

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install -e '.[browser]'")

from lab_page import CHROMIUM, DRIVER, chromium
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from labkit.course.site import writing
from labkit.course.site.writing import write_site
from labkit.course.sources import pages

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed: no browser to test in"
)
LESSON = "lessons/00_cut_compare_restore/00_cut_compare_restore.html"
SEEN = "const i = arguments[0]; return i.complete && i.naturalWidth > 100"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:  # one lesson: drawing the stored panels of all takes minutes
        patch.setattr(writing, "pages", lambda root: pages("00", root))
        write_site(folder, say=lambda line: None)
    return folder


def test_a_stored_panel_answers_without_a_kernel(site, tmp_path):
    with chromium(tmp_path) as driver:
        driver.get((site / LESSON).as_uri())
        panel = driver.find_element(By.CSS_SELECTOR, "section.replay")
        said, picture = panel.find_element(By.CSS_SELECTOR, ".said"), panel.find_element(By.TAG_NAME, "img")
        layer = panel.find_element(By.CSS_SELECTOR, "input[type=range]")
        part = Select(panel.find_elements(By.TAG_NAME, "select")[1])
        assert "Without the attention of layer 0" in said.text
        part.select_by_visible_text("attention")
        before = picture.get_attribute("src"), said.text
        assert "attention of layer 0" in said.text
        layer.send_keys(Keys.ARROW_RIGHT)
        assert "attention of layer 1" in said.text and panel.find_element(By.TAG_NAME, "output").text == "1"
        assert layer.get_attribute("aria-valuetext") == "1"
        after = picture.get_attribute("src"), said.text
        assert before[0] != after[0] and picture.get_attribute("alt") == after[1]
        assert driver.execute_script(SEEN, picture)
        code = panel.find_element(By.TAG_NAME, "pre").get_attribute("textContent")
        assert "DropAttention(1)" in code
        layer.send_keys(Keys.ARROW_LEFT)
        assert (picture.get_attribute("src"), said.text) == before
        assert not [line for line in driver.get_log("browser") if line["level"] == "SEVERE"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_ground_follow_the_readers_setting(site, tmp_path, scheme):
    with chromium(tmp_path) as driver:
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
        driver.get((site / LESSON).as_uri())
        ink, paper = (
            _luminance(driver.find_element(By.TAG_NAME, "body").value_of_css_property(name))
            for name in ("color", "background-color")
        )
        assert (paper > ink) == (scheme == "light")
        assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7  # WCAG AAA for text
        assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def _luminance(colour):
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
