"""The site stands alone: every link and picture is there, nothing is fetched, and a stored panel keeps its answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from labkit.base.errors import BadInput, NotAvailable, UnknownName
from labkit.course.site import replays
from labkit.course.site.rendering import markdown_body, notebook_body
from labkit.course.site.replays import named_panel, replay
from labkit.course.site.writing import write_site
from labkit.panels import Panel, Table
from labkit.panels.controls import Choice, Slider, Toggle


class _Read(HTMLParser):
    """The ids, links, sources and pictures of a page, and its headings in order."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources, self.images, self.headings = set(), [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.add(found["id"])
        if tag in ("a", "link"):
            self.links.append((tag, found.get("href", "")))
        if tag in ("img", "script", "source", "iframe") and "src" in found:
            self.sources.append(found["src"])
        if tag == "img":
            self.images.append(found)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:  # hundreds of pictures take minutes; the browser's test draws some
        patch.setattr(replays, "_picture", lambda panel, data: panel.sentence(data).encode())
        write_site(folder, say=lambda line: None)
    return folder


def test_every_link_leads_somewhere_and_nothing_comes_from_elsewhere(site):
    pages = {path.resolve(): _Read(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) >= 12
    for path, page in pages.items():
        for source in page.sources:
            assert "://" not in source and (path.parent / source).is_file(), f"{path.name}: {source}"
        for tag, link in page.links:
            if "://" in link:
                assert tag == "a", f"{path.name} loads {link}"
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / unquote(name)).resolve() if name else path
            assert target.is_file(), f"{path.name}: {link}"
            if anchor and target in pages:
                assert unquote(anchor) in pages[target].ids, f"{path.name}: no {link}"


def test_every_picture_has_words_and_headings_do_not_skip(site):
    for path in site.rglob("*.html"):
        page = _Read(path.read_text(encoding="utf-8"))
        assert all(len(image.get("alt", "").split()) >= 5 for image in page.images), path.name
        assert page.headings[0] == 1 and page.headings.count(1) == 1, path.name
        steps = [after - before for before, after in zip(page.headings, page.headings[1:])]
        assert all(step <= 1 for step in steps if page.headings), path.name


def test_css_and_script_fetch_nothing(site):
    for path in (*site.rglob("*.css"), *site.rglob("*.js")):
        assert not re.search(r"@import|url\(|https?:|fetch\(|XMLHttp", path.read_text(encoding="utf-8")), path.name


@dataclass(frozen=True)
class ToyState:
    part: str = "attention"
    layer: int = 0
    loud: bool = False


class Toy(Panel):
    """Answers for layer 0 and 1 of attention are stored, the others are not; layer 2 has none at all."""

    question = "Which </part>?"
    State = ToyState
    size = (2.0, 1.0)

    def make_controls(self):
        return (Choice("part", ("attention", "mlp")), Slider("layer", 0, 2, 1), Toggle("loud"))

    def stored(self, state):
        if state.part == "attention" and state.layer == 2 and state.loud:
            raise BadInput("Layer 2 is never loud.")
        return state if state.part == "attention" and state.layer < 2 else None

    def draw(self, data, figure):
        figure.text(0.1, 0.5, f"{data.layer}")

    def sentence(self, data):
        return f"Layer {data.layer} is {'LOUD' if data.loud else 'quiet'} </script>."

    def table(self, data):
        return Table("numbers", ("a", "b"), (("x", data.layer),))

    def code(self, state):
        return f"layer = {state.layer}"


class Live(Toy):
    def stored(self, state):
        return None


def _data(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def test_a_panel_keeps_every_stored_answer_and_no_other():
    found = replay(Toy(start=ToyState(layer=1)), "toy")
    answers = _data(found.html)["answers"]
    assert set(answers) == {"0,0,0", "0,0,1", "0,1,0", "0,1,1", "0,2,1"}
    refused = answers.pop("0,2,1")
    assert "picture" not in refused and "Layer 2 is never loud." in refused["sentence"]
    assert answers["0,1,1"]["sentence"] == "Layer 1 is LOUD </script>."
    assert answers["0,1,0"]["code"] == "layer = 1"
    assert {answer["picture"] for answer in answers.values()} == set(found.pictures)
    assert len(found.pictures) == 2  # one per layer: equal pictures are one file
    page = _Read(found.html)
    assert found.html.count("<section") == found.html.count("</section>") == 1
    assert page.images[0]["src"] == answers["0,1,0"]["picture"]  # the start is shown first
    assert "toy-layer" in page.ids and 'max="2" value="1"' in found.html
    assert replay(Live(), "toy") is None


def test_a_notebook_names_its_panel_and_the_page_opens_it(monkeypatch):
    named = {"panel": "Toy", "start": {"part": "attention", "layer": 1, "loud": True}}
    monkeypatch.setattr("labkit.course.site.replays.bring", lambda sort, name: Toy if name == "Toy" else None)
    panel = named_panel(named)
    assert panel.start == ToyState(layer=1, loud=True)
    shown = new_output("display_data", {"image/png": "aGk=", "text/plain": "x"}, metadata={"labkit": named})
    said = new_output("stream", name="stdout", text="the old sentence")
    cells = [new_markdown_cell("# T"), new_code_cell("Toy()", outputs=[shown, said])]
    pictures = {}
    body = notebook_body(new_notebook(cells=cells), pictures)
    assert 'class="replay"' in body and "the old sentence" not in body and len(pictures) == 2


@pytest.mark.parametrize("name", ["os:system", "subprocess:run", "labkit.panels.panel:Panel", "builtins:exec", 7])
def test_only_panels_that_papers_bring_are_opened(name):
    with pytest.raises(UnknownName, match="panel"):
        named_panel({"panel": name})


def test_outputs_are_escaped_and_pictures_keep_their_words():
    picture = new_output("display_data", {"image/png": "aGk="}, metadata={"image/png": {"alt": 'a "b" <c> d e'}})
    cells = [new_code_cell("1 < 2", outputs=[new_output("stream", name="stdout", text="<b>\x1b[31mred"), picture])]
    body = notebook_body(new_notebook(cells=cells), pictures := {})
    assert "&lt;b&gt;red" in body and 'alt="a &quot;b&quot; &lt;c&gt; d e"' in body
    assert list(pictures.values()) == [b"hi"]


def test_markdown_pages_have_the_anchors_that_links_use():
    assert 'id="the-lessons"' in markdown_body("<!-- x -->\n## The lessons\n")


def test_formulas_become_mathml_and_money_and_code_do_not():
    html = markdown_body("A $a < b$ and `$x$`, $5 and $6.\n\n$$S = 1 - \\cos(x)$$\n")
    assert html.count("<math") == 2 and html.count('display="block"') == 1
    assert "&#x0003C;" in html and "<code>$x$</code>" in html and "$5 and $6." in html


def test_outside_a_repository_it_says_so(tmp_path):
    with pytest.raises(NotAvailable, match="clone"):
        write_site(tmp_path / "site", root=tmp_path)


def test_the_cut_panel_of_lesson_00_is_named_in_its_notebook():
    from labkit.course.sources import pages

    (hour,) = [page for page in pages("00") if page.kind == "hour"]
    outputs = [o for cell in nbformat.read(hour.notebook, as_version=4).cells for o in cell.get("outputs", [])]
    named = [output.metadata["labkit"] for output in outputs if "labkit" in output.get("metadata", {})]
    assert named, "build lesson 00 again"
    assert named[0]["model"] == "lab/tiny"
