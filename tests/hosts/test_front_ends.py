"""What VS Code and the classic notebook get to see of a panel: the messages themselves, without any page around them.

Both draw what the kernel describes and send back what a hand has moved. They load the two widget packages that every
front end brings, and nothing else: so a panel may use no other, and must answer a moved control by a new picture.
"""

import json
import os
import queue
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from labkit.course.executing import kernels_of_this_python

BROUGHT = {"@jupyter-widgets/base", "@jupyter-widgets/controls"}
WIDGET = "application/vnd.jupyter.widget-view+json"
TOYS = Path(__file__).parent.parent / "support"
PANEL = """
from toys import toy

from labkit.papers.cut_compare_restore import CutPanel

handle = toy()
"""
SECONDS = 60


@dataclass
class FrontEnd:
    """A front end without a page: it keeps the state of every widget as the messages tell it."""

    client: object
    states: dict = field(default_factory=dict)
    shown: list = field(default_factory=list)  # what cells have displayed

    def run(self, code):
        """Run a cell and take in what it sends."""
        reply = self.client.execute_interactive(code, timeout=SECONDS, output_hook=self.take)
        assert reply["content"]["status"] == "ok", reply["content"].get("evalue")

    def take(self, message):
        kind, content = message["header"]["msg_type"], message["content"]
        if kind in ("display_data", "execute_result"):
            self.shown.append(content["data"])
        elif kind == "comm_open" and content["target_name"] == "jupyter.widget":
            assert message["metadata"]["version"].partition(".")[0] == "2"  # the protocol both front ends speak
            self.states[content["comm_id"]] = {}
            self.update(content["comm_id"], content["data"], message["buffers"])
        elif kind == "comm_msg" and content["data"].get("method") == "update":
            self.update(content["comm_id"], content["data"], message["buffers"])

    def update(self, model, data, buffers):
        # Buffers are memory of the message: copied, as a front end does.
        found = {
            path[0]: bytes(buffer) for path, buffer in zip(data.get("buffer_paths", []), buffers) if len(path) == 1
        }
        self.states[model] |= data["state"] | found

    def send(self, model, **state):
        """Say that a hand has moved something, as a front end does."""
        content = {"comm_id": model, "data": {"method": "update", "state": state, "buffer_paths": []}}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def wait(self, condition, what):
        """Take in messages until something is so."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"No {what} after {SECONDS} s."
            try:
                self.take(self.client.get_iopub_msg(timeout=1))
            except queue.Empty:
                continue

    def of(self, model_name):
        return {model: state for model, state in self.states.items() if state.get("_model_name") == model_name}


@pytest.fixture(scope="module")
def front():
    manager = KernelManager(kernel_name="python3", kernel_spec_manager=kernels_of_this_python())
    manager.start_kernel(
        extra_arguments=["--IPKernelApp.capture_fd_output=False"], env=os.environ | {"PYTHONPATH": str(TOYS)}
    )
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    front = FrontEnd(client)
    front.run(PANEL)
    yield front
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def panel(front):
    """A panel just displayed: (the front end, the model of its picture, the model of its list of parts)."""
    front.states, front.shown = {}, []
    front.run("panel = CutPanel(handle)\npanel")
    ((picture, _),) = front.of("ImageModel").items()
    (parts,) = [model for model, state in front.of("DropdownModel").items() if "attention" in str(state)]
    front.wait(lambda: front.states[picture]["value"], "first picture")
    yield front, picture, parts
    front.run("panel.close()")


def words(front):
    return " ".join(state["value"] for state in front.of("HTMLModel").values())


def test_a_panel_is_made_of_what_every_front_end_brings(panel):
    front, picture, _ = panel
    modules = {state[key] for state in front.states.values() for key in ("_model_module", "_view_module")}
    assert modules - {None} == BROUGHT
    assert {state["_model_module_version"].partition(".")[0] for state in front.states.values()} <= {"1", "2"}
    assert front.states[picture]["value"].startswith(b"\x89PNG") and front.states[picture]["format"] == "png"


def test_the_cell_shows_a_widget_and_intervals_a_viewer_without_any(panel):
    front, *_ = panel
    (shown,) = front.shown
    assert shown[WIDGET]["model_id"] in front.states and shown[WIDGET]["version_major"] == 2
    assert shown["text/plain"].strip() and "application/javascript" not in shown
    assert "<script" not in json.dumps(shown)


def test_a_moved_control_is_answered_by_a_new_picture_and_sentence(panel):
    front, picture, parts = panel
    before, options = front.states[picture]["value"], front.states[parts]["_options_labels"]
    (mlp,) = [place for place, label in enumerate(options) if "MLP" in label][:1]
    assert "Without the attention" in words(front)  # it opens on a cut
    front.send(parts, index=mlp)
    front.wait(lambda: "Without the MLP" in words(front), "sentence")
    front.wait(lambda: front.states[picture]["value"] != before, "new picture")
    assert front.states[picture]["value"].startswith(b"\x89PNG")
    assert len(front.of("ImageModel")) == 1  # drawn into the same picture: nothing flickers, nothing piles up


def test_a_page_opened_anew_is_told_everything(panel):
    """A page that is loaded again asks the running kernel for all its widgets."""
    front, picture, _ = panel
    answer = []
    asked = front.client.session.msg(
        "comm_open", {"comm_id": "again", "target_name": "jupyter.widget.control", "data": {}},
        metadata={"version": "1.0.0"},
    )  # fmt: skip
    front.client.shell_channel.send(asked)
    request = {"comm_id": "again", "data": {"method": "request_states"}}
    front.client.shell_channel.send(front.client.session.msg("comm_msg", request))
    take = front.take

    def listen(message):
        if message["header"]["msg_type"] == "comm_msg" and message["content"]["comm_id"] == "again":
            answer.append(message)
        else:
            take(message)

    front.take = listen
    try:
        front.wait(lambda: answer, "answer")
    finally:
        front.take = take
    (told,) = answer
    assert told["content"]["data"]["method"] == "update_states"
    states = told["content"]["data"]["states"]
    assert set(front.states) <= set(states)
    places = told["content"]["data"]["buffer_paths"]
    (number,) = [number for number, path in enumerate(places) if path == [picture, "state", "value"]]
    assert bytes(told["buffers"][number]) == front.states[picture]["value"]
