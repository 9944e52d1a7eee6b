"""The panel contract, held on a small panel without a model: what a hand does, `set` does, and the other way round."""

import asyncio
import threading
import time
from dataclasses import dataclass

import pytest
import torch

from labkit.base.errors import BadInput, NotAvailable
from labkit.figures.drawing import Drawing, drawing_of
from labkit.panels import Choice, Gate, Latch, Panel, Slider, Table, Text, Toggle
from labkit.panels.controls import words_for
from labkit.panels.intact import Intact
from labkit.panels.reader import never_seen


@dataclass(frozen=True)
class Sum:
    number: int = 2
    sign: str = "plus"
    words: str = "one two"


class SumPanel(Panel):
    """Adds up letters: enough to see every duty of a panel."""

    question = "How many letters?"
    State = Sum
    size = (4.0, 2.0)

    def __init__(self, **options):
        self.computed, self.kept = [], {}
        super().__init__(**options)

    def make_controls(self):
        ready = {"short": "one two", "long": "three four five"}
        return (
            Slider("number", 0, 9, 1, label="number"),
            Choice("sign", ("plus", "minus"), label="sign"),
            Text("words", label="words", ready=ready, limit=40),
        )

    def compute(self, state):
        self.computed.append(state)
        if state.number == 7:
            raise ZeroDivisionError("seven is broken")
        letters = sum(len(word) for word in state.words.split())
        return {"total": letters + (state.number if state.sign == "plus" else -state.number), "letters": letters}

    def stored(self, state):
        return self.kept.get(state)

    def draw(self, data, figure):
        figure.subplots().barh(["total"], [data["total"]])

    def sentence(self, data):
        return f"The total is {data['total']}."

    def code(self, state):
        sign = "+" if state.sign == "plus" else "-"
        return f"letters = sum(len(word) for word in {state.words!r}.split())\ntotal = letters {sign} {state.number}"

    def table(self, data):
        return Table("letters", ("what", "n"), [("letters", data["letters"]), ("total", data["total"])])

    def presets(self):
        return [Sum(number) for number in (0, 1, 2)]


@pytest.fixture
def panel():
    panel = SumPanel()
    yield panel
    panel.close()


def words_of(panel):
    return panel.page.words.value


async def until(condition, seconds=20.0):
    """Let the loop turn until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.01)


# Controls as data ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("control", "value", "kept"),
    [
        (Slider("n", 0, 9, 1), 3.0, 3),
        (Slider("n", 0.0, 1.0, 0.1), 0.30000000000000004, 0.3),
        (Slider("n", -2, 2, 2), -2, -2),
        (Choice("c", ("a", "b")), "b", "b"),
        (Choice("c", {"first": 0, "second": 1}), "second", 1),
        (Choice("c", {"first": 0, "second": 1}), 1, 1),
        (Toggle("t"), True, True),
        (Text("w", ready={"short": "one  two"}), "short", "one two"),
        (Text("w"), "  my\n own ", "my own"),
    ],
)
def test_a_control_keeps_what_is_legal(control, value, kept):
    found = control.check(value)
    assert found == kept and type(found) is type(kept)


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        (Slider("n", 0, 9, 1), 10, "0 to 9"),
        (Slider("n", 0, 9, 1), -1, "0 to 9"),
        (Slider("n", 0, 9, 1), 2.5, "whole number"),
        (Slider("n", 0.0, 1.0, 0.1), 0.25, "steps of 0.1"),
        (Slider("n", 0, 9, 1), True, "not a number"),
        (Slider("n", 0, 9, 1), "3", "not a number"),
        (Slider("n", 0, 9, 1), float("nan"), "not a number"),
        (Choice("c", ("attention", "mlp")), "atention", "did you mean attention"),
        (Choice("c", {"off": 0, "on": 1}), True, "no option"),
        (Toggle("t"), 1, "True or False"),
        (Text("w"), "   ", "empty"),
        (Text("w", limit=5), "far too long", "at most 5"),
        (Text("w"), 3, "text"),
    ],
)
def test_a_control_says_what_is_wrong(control, value, words):
    with pytest.raises(BadInput, match=words):
        control.check(value)


def test_a_panel_has_at_most_three_controls_and_one_per_field():
    class Four(SumPanel):
        def make_controls(self):
            return [*super().make_controls(), Toggle("more")]

    class Other(SumPanel):
        def make_controls(self):
            return super().make_controls()[:2]

    with pytest.raises(BadInput, match="at most three"):
        Four()
    with pytest.raises(BadInput, match="one control per field"):
        Other()


# What is set is shown ------------------------------------------------------------------------------------------------


def test_set_moves_several_controls_and_computes_once(panel):
    panel.set(number=4, sign="minus")
    assert (panel.data["total"], panel.state) == (2, Sum(4, "minus"))
    assert len(panel.computed) == 1
    assert panel.shown.sentence == "The total is 2."


@pytest.mark.parametrize("changes", [{"numbr": 3}, {"number": 11}, {"number": 3, "sign": "times"}, {"words": ""}])
def test_what_cannot_be_set_changes_nothing(panel, changes):
    panel.set(number=3)
    before, sentence = panel.shown, words_of(panel)
    with pytest.raises(BadInput):
        panel.set(**changes)
    assert panel.shown is before and words_of(panel) == sentence
    assert panel.page.fields["number"].value == 3
    assert panel.page.notice.value  # and it says why


def test_a_hand_and_set_take_the_same_path():
    by_hand, by_set = SumPanel(), SumPanel()
    for one in (by_hand, by_set):
        assert one.page.box.children
    by_hand.page.fields["number"].widget.value = 5
    by_hand.page.fields["sign"].widget.value = "minus"
    by_hand.page.fields["words"].list.value = "long"
    for change in ({"number": 5}, {"sign": "minus"}, {"words": "long"}):
        by_set.set(**change)
    assert by_hand.shown == by_set.shown
    assert words_of(by_hand) == words_of(by_set)
    assert by_hand.page.picture.value == by_set.page.picture.value
    assert {name: field.value for name, field in by_set.page.fields.items()} == {
        name: field.value for name, field in by_hand.page.fields.items()
    }


def test_set_moves_the_widgets_without_asking_twice(panel):
    assert panel.page
    panel.computed.clear()
    panel.set(number=6, sign="minus", words="long")
    assert len(panel.computed) == 1
    assert panel.page.fields["number"].value == 6
    assert panel.page.fields["words"].list.value == "long"
    panel.set(words="something else")
    assert panel.page.fields["words"].list.value == "my own text"


def test_the_picture_and_the_sentence_change_together(panel):
    first = (bytes(panel.page.picture.value), words_of(panel))
    panel.set(number=9)
    second = (bytes(panel.page.picture.value), words_of(panel))
    assert first[0].startswith(b"\x89PNG") and second[0].startswith(b"\x89PNG")
    assert first[0] != second[0] and "The total is 15." in second[1] and 'role="status"' in second[1]


def test_a_bad_text_is_said_in_the_box_kept_and_mended(panel):
    box = panel.page.fields["words"].widget
    before = panel.shown
    box.value = "x" * 50
    assert "at most 40" in panel.page.notice.value and panel.shown is before
    assert box.value == "x" * 50  # what was typed is the reader's
    panel.page.fields["number"].widget.value = 8
    assert "at most 40" in panel.page.notice.value and panel.shown is before
    box.value = "mended"
    assert panel.state == Sum(8, "plus", "mended") and not panel.page.notice.value


def test_an_error_in_compute_is_a_sentence_and_the_panel_goes_on(panel):
    slider = panel.page.fields["number"].widget
    slider.value = 7
    assert "ZeroDivisionError: seven is broken" in panel.page.notice.value
    assert panel.state.number == 2 and "Traceback" not in panel.page.notice.value
    with pytest.raises(ZeroDivisionError):
        panel.set(number=7)
    slider.value = 6
    assert panel.data["total"] == 12 and not panel.page.notice.value


def test_restore_table_and_code(panel):
    panel.set(number=9, words="long")
    panel.page.table.value = True
    assert "<caption>letters</caption>" in panel.page.drawer.value and "22" in panel.page.drawer.value
    panel.page.code.value = True
    assert "three four five" in panel.page.drawer.value
    panel.page.restore.click()
    assert panel.state == Sum() and panel.page.fields["number"].value == 2
    assert "three four five" not in panel.page.drawer.value  # the drawer follows
    panel.page.table.value = panel.page.code.value = False
    assert panel.page.drawer.value == ""


def test_code_runs_and_gives_what_is_shown(panel):
    for changes in ({}, {"number": 5, "sign": "minus"}, {"words": "it's mine"}):
        panel.set(**changes)
        names = {}
        exec(panel.code(panel.state), names)
        assert names["total"] == panel.data["total"]


def test_what_the_reader_types_is_never_html(panel):
    panel.set(words="<b>bold</b> <script>")
    panel.page.code.value = True
    assert "<b>" not in panel.page.drawer.value and "&lt;b&gt;" in panel.page.drawer.value


# Predict first -------------------------------------------------------------------------------------------------------


def test_shut_until_a_prediction_is_stored():
    latch = Latch()
    assert isinstance(latch, Gate)
    panel = SumPanel(gate=latch)
    assert panel.page.skip in panel.page.box.children and panel.page.picture not in panel.page.box.children
    for attempt in (lambda: panel.set(number=3), lambda: panel.data, panel.recompute, panel.restore):
        with pytest.raises(NotAvailable, match="prediction"):
            attempt()
    panel.page.fields["number"].widget.value = 4  # a hand cannot reach it; if it did, nothing would be shown
    assert panel.computed == []
    latch.open("12, fairly sure")
    assert panel.page.picture in panel.page.box.children and "12, fairly sure" in panel.page.said.value
    assert panel.data["total"] == 8


def test_skip_opens_and_tells_the_gate():
    latch = Latch()
    panel = SumPanel(gate=latch)
    panel.page.skip.click()
    assert latch.skipped and panel.is_open and panel.data["total"] == 8
    assert panel.page.skip not in panel.page.box.children


def test_a_prediction_made_before_the_panel_opens_it_at_once():
    latch = Latch()
    latch.open("3")
    panel = SumPanel(gate=latch)
    assert panel.is_open and panel.page.picture in panel.page.box.children
    panel.close()
    assert not panel.is_open


# Stored answers, stale values, closing -------------------------------------------------------------------------------


def test_a_stored_answer_comes_first_and_recompute_asks_the_model(panel):
    panel.kept[Sum(3)] = {"total": 99, "letters": 6}
    panel.set(number=3)
    assert panel.shown.replayed and panel.data["total"] == 99 and panel.computed == []
    page = panel.page
    assert "Stored answer" in words_of(panel) and page.recompute.layout.display is None
    page.recompute.click()
    assert panel.data["total"] == 9 and not panel.shown.replayed
    assert page.recompute.layout.display == "none" and "Stored" not in words_of(panel)
    panel.set(number=2)
    panel.set(number=3)
    assert panel.data["total"] == 9  # from now on the model is asked


def test_a_failed_recompute_keeps_the_stored_answer(panel):
    panel.kept[Sum(7)] = {"total": 13, "letters": 6}
    panel.set(number=7)
    panel.page.recompute.click()
    assert panel.data["total"] == 13 and panel.shown.replayed and "seven is broken" in panel.page.notice.value
    panel.set(number=7)
    assert panel.shown.replayed


def test_the_last_value_wins_over_a_slower_one():
    started, go = threading.Event(), threading.Event()

    class Slow(SumPanel):
        def compute(self, state):
            if state.number == 1:
                started.set()
                assert go.wait(10)
            return super().compute(state)

    panel = Slow()
    assert panel.page
    slow = threading.Thread(target=panel.moved, args=({"number": 1},))
    slow.start()
    assert started.wait(10)
    panel.page.fields["number"].widget.value = 5
    go.set()
    slow.join(10)
    assert panel.state.number == 5 and panel.data["total"] == 11 and "11" in words_of(panel)


def test_a_late_failure_of_an_old_question_is_not_said():
    started, go = threading.Event(), threading.Event()

    class Slow(SumPanel):
        def compute(self, state):
            if state.number == 7:
                started.set()
                assert go.wait(10)
            return super().compute(state)

    panel = Slow()
    old = threading.Thread(target=panel.moved, args=({"number": 7},))
    old.start()
    assert started.wait(10)
    panel.set(number=5)
    go.set()
    old.join(10)
    assert panel.state.number == 5 and panel.inquiry.notice == ""


def test_closing_takes_everything_away(panel):
    page = panel.page
    panel.set(number=3)
    panel.close()
    panel.close()
    assert page.box.comm is None and page.fields["words"].box.comm is None
    for attempt in (lambda: panel.set(number=1), lambda: panel.data, lambda: panel.page):
        with pytest.raises(NotAvailable, match="closed"):
            attempt()
    page.fields["number"].widget.value = 4  # a late message from the browser
    assert len(panel.computed) == 2 and "closed" in repr(panel)


# Long answers, in slices ---------------------------------------------------------------------------------------------


class LongPanel(SumPanel):
    """The same sum in a hundred steps; `pause` is called in each."""

    compute = Panel.compute

    def __init__(self, pause=lambda step: None, **options):
        self.pause, self.undone = pause, 0
        super().__init__(**options)

    def steps(self, state):
        try:
            for step in range(100):
                self.pause(step)
                yield step / 100
        finally:
            self.undone += 1
        return SumPanel.compute(self, state)


def test_a_long_answer_waits_for_run():
    panel = LongPanel()
    with pytest.raises(NotAvailable, match="not been run"):
        _ = panel.data
    panel.set(number=4)
    assert "Press Run" in panel.page.notice.value and panel.computed == []
    panel.run()
    assert panel.data["total"] == 10 and not panel.page.notice.value and panel.undone == 1
    panel.set(number=5)
    assert panel.data["total"] == 10  # what is shown stays until Run
    panel.kept[Sum(6)] = {"total": 1, "letters": 0}
    panel.set(number=6)
    assert panel.data["total"] == 1  # a stored answer needs no Run
    assert panel.compute(Sum(1))["total"] == 7


def test_run_and_cancel_in_a_notebook_loop():
    """The loop hears Cancel between two slices, as a kernel does; nothing of the cancelled job is shown."""
    heard = []

    async def notebook():
        loop = asyncio.get_running_loop()

        def pause(step):
            if step == 3 and not heard:
                loop.call_soon(lambda: heard.append(step) or panel.page.cancel.click())
            threading.Event().wait(0.05)  # a real step takes time

        panel = LongPanel(pause)
        panel.page.run.click()
        assert "Working" in panel.page.notice.value and panel.page.run.disabled and not panel.page.cancel.disabled
        job = panel.inquiry.job
        await until(lambda: job.over)
        return panel

    panel = asyncio.run(notebook())
    assert heard == [3] and panel.undone == 1 and panel.computed == []
    assert "Cancelled" in panel.page.notice.value and panel.page.cancel.disabled and not panel.page.run.disabled
    panel.page.run.click()  # no loop here: it runs to the end
    assert panel.undone == 2 and panel.data["total"] == 8


def test_a_running_job_gives_way_to_a_new_value():
    async def notebook():
        panel = LongPanel(lambda step: threading.Event().wait(0.03))
        panel.page.run.click()
        job = panel.inquiry.job
        panel.page.fields["number"].widget.value = 4
        panel.page.run.click()
        await until(lambda: panel.inquiry.shown is not None)
        return panel, job

    panel, job = asyncio.run(notebook())
    assert job.status == "cancelled" and panel.data["total"] == 10 and panel.undone == 2


def test_a_job_that_fails_says_so():
    panel = LongPanel()
    panel.set(number=7)
    with pytest.raises(ZeroDivisionError):
        panel.run()
    assert "seven is broken" in panel.page.notice.value
    panel.set(number=1)
    panel.run()
    assert panel.data["total"] == 7


def test_a_short_panel_has_nothing_to_run(panel):
    with pytest.raises(BadInput, match="nothing to run"):
        panel.run()


def test_what_an_intact_model_makes_of_a_text_is_taken_again_only_when_either_changes():
    model, asked = torch.nn.Linear(2, 2), []
    intact = Intact()
    take = lambda known: asked.append(known) or len(asked)  # noqa: E731
    assert [intact.of(model, take, "a"), intact.of(model, take, "a"), intact.of(model, take, "b")] == [1, 1, 2]
    with torch.no_grad():
        model.weight[0, 0] += 1
    assert intact.of(model, take, "b") == 3 and asked[0] == asked[1] != asked[2]
    with pytest.raises(ZeroDivisionError):
        intact.of(model, lambda known: 1 / 0, "c")
    assert intact.of(model, take, "b") == 3, "what could not be taken does not replace what was"


def test_a_choice_keeps_a_value_for_every_option():
    from labkit.panels.controls import Choice

    with pytest.raises(BadInput, match="keeps None"):
        Choice("lam", {"as learned": None, "0": 0.0})
    with pytest.raises(BadInput, match="1 options"):
        Choice("lam", ("0",))


# What a panel need not say ------------------------------------------------------------------------------------------


class Terse(SumPanel):
    usual, nothing = "lab/none", {"number": 0}
    draw, sentence, table = Panel.draw, Panel.sentence, Panel.table

    def first(self):
        return Sum(5)


def test_a_panel_opens_on_its_first_state_and_undoes_only_what_cuts():
    panel = Terse()
    assert panel.start == Sum(5) and panel.model_name == "lab/none"
    assert panel.restored(Sum(4, "minus")) == Sum(0, "minus")
    assert Terse(start=Sum(1)).start == Sum(1) and SumPanel().restored(Sum(4)) == Sum()


def test_data_with_a_drawing_need_no_words_in_the_panel():
    @dataclass(frozen=True)
    class Total:
        value: int

        def table(self):
            return Table("total", ("n",), [(self.value,)])

    drawn = []
    drawing = Drawing(lambda data, figure: drawn.append(data), lambda data: f"It is {data.value}.")
    drawing_of.register(Total, lambda data: drawing)
    panel = Terse()
    panel.draw(Total(3), None)
    assert drawn == [Total(3)] and panel.sentence(Total(3)) == "It is 3." and panel.table(Total(3)).rows == [(3,)]


def test_a_script_imports_first_and_loads_the_panel_s_model():
    lines = Terse().script("print(model)", needs=("from labkit import world",), before=("import time",)).split("\n")
    head = ["import time", "", "import labkit", "from labkit import world", "", "model = labkit.load('lab/none')"]
    assert lines == [*head, "print(model)"]
    assert Terse().script("x")[:14] == "import labkit\n"


def test_words_for_a_choice_and_for_what_was_never_seen():
    assert words_for({"one": 1, "two": 2}, 2) == "two"
    assert never_seen(()) == ""
    assert never_seen(list("abcdef")) == "Words it has never seen: “a”, “b”, “c”, “d”, “e”."
