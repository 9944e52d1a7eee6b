"""How a panel looks: one style sheet and the few pieces of HTML in it.

Colours come from the page's theme (JupyterLab's variables, with plain fallbacks for Colab and VS Code), so light and
dark both read; nothing is told by colour alone.

Core ipywidgets leave five things undone that a reader without mouse or without sight needs, so the sentence carries a
few lines of script (an image that cannot load, whose error handler runs; where a page forbids that, the panel works as
before): JupyterLab's single-key shortcuts are kept out of the panel (else "a", typed to choose attention from the list,
inserts a cell), the picture gets the sentence as its alt text, the sentence's place becomes a live region that stays,
sliders get their labels as names, and a grid of boxes becomes a group with one.
"""

from __future__ import annotations

from html import escape

__all__ = ["STYLE", "alert", "drawer", "heading", "prediction", "status"]

STYLE = """<style>
.labkit-panel { --lk-line: var(--jp-border-color2, rgba(128,128,128,.45)); --lk-ink: var(--jp-ui-font-color1, inherit);
  --lk-soft: var(--jp-ui-font-color2, inherit); --lk-accent: var(--jp-brand-color1, #1976d2);
  box-sizing: border-box; width: 100%; max-width: 900px; padding: 14px 18px 16px; overflow: hidden;
  border: 1px solid var(--lk-line); border-radius: 8px; color: var(--lk-ink);
  font-family: var(--jp-content-font-family, system-ui, sans-serif); }
.labkit-panel > * { margin: 0; max-width: 100%; }
.labkit-panel .widget-html-content { line-height: 1.5; color: var(--lk-ink); font-size: 14px; }
.labkit-panel .widget-html, .labkit-panel .widget-html-content { width: 100%; margin: 0; overflow: visible;
  white-space: normal; }
.labkit-question { font-size: 17px; font-weight: 600; line-height: 1.35; }
.labkit-prediction, .labkit-source { color: var(--lk-soft); font-size: 13px; }
.labkit-controls { gap: 8px 28px; padding: 10px 0 12px; align-items: center; }
.labkit-controls .widget-label, .labkit-controls .widget-label-basic { font-weight: 600; color: var(--lk-ink);
  font-size: 13px; overflow: visible; margin-right: 6px; }
.labkit-controls .widget-readout { color: var(--lk-ink); min-width: 2.5em; }
.labkit-controls textarea { line-height: 1.45; font-size: 13px; padding: 6px 8px; margin-top: 6px; border-radius: 4px; }
.labkit-grid { padding: 6px 0 0; }
.labkit-controls .labkit-grid .widget-label-basic { font-weight: 400; font-size: 12px; white-space: nowrap; margin: 0; }
.labkit-grid .widget-label-basic input { margin: 0 4px 0 1px; }
.labkit-grid .widget-checkbox { min-width: 0; overflow: visible; }
.labkit-panel img { display: block; border-radius: 6px; background: #fff; }
.labkit-status { padding: 10px 0 2px; font-size: 15px; }
.labkit-alert { margin: 8px 0 0; padding: 6px 10px; border-left: 4px solid var(--jp-warn-color1, #b26a00);
  background: var(--jp-layout-color2, rgba(128,128,128,.15)); border-radius: 0 4px 4px 0; }
.labkit-buttons { gap: 8px; padding: 10px 0 0; }
.labkit-buttons button { width: auto; min-width: 88px; margin: 0; border-radius: 4px; }
.labkit-panel button:focus-visible, .labkit-panel select:focus-visible, .labkit-panel textarea:focus-visible,
.labkit-panel input:focus-visible, .labkit-panel .noUi-handle:focus, .labkit-panel .ui-slider-handle:focus,
.labkit-panel pre:focus-visible { outline: 3px solid var(--lk-accent); outline-offset: 2px; }
.labkit-panel table { border-collapse: collapse; margin: 12px 0 0; font-size: 13px; color: var(--lk-ink); }
.labkit-panel caption { caption-side: top; text-align: left; color: var(--lk-soft); padding-bottom: 4px; }
.labkit-panel td, .labkit-panel th { padding: 3px 14px 3px 0; border-bottom: 1px solid var(--lk-line); text-align: left;
  font-variant-numeric: tabular-nums; }
.labkit-panel pre { margin: 12px 0 0; padding: 10px 12px; overflow-x: auto; border: 1px solid var(--lk-line);
  border-radius: 6px; background: var(--jp-layout-color2, rgba(128,128,128,.12)); color: var(--lk-ink);
  font: 12.5px/1.5 var(--jp-code-font-family, monospace); white-space: pre; }
</style>"""


_SCRIPT = """
const said = this.parentElement;
this.remove();
(function dress(tries) {
  const panel = said.closest('.labkit-panel'), place = said.closest('.widget-html-content');
  if (!panel || !place) {  // not on the page yet
    if (tries) { setTimeout(dress, 100, tries - 1); }
    return;
  }
  panel.querySelectorAll('select, button, input, [tabindex]').forEach(
    part => { part.setAttribute('data-lm-suppress-shortcuts', 'true'); });
  place.setAttribute('role', 'status');
  place.setAttribute('aria-live', 'polite');
  said.removeAttribute('role');
  said.removeAttribute('aria-live');
  panel.querySelectorAll('img.widget-image').forEach(image => { image.alt = said.textContent; });
  panel.querySelectorAll('.labkit-grid').forEach(
    grid => { grid.setAttribute('role', 'group'); grid.setAttribute('aria-label', 'parts, checked when left out'); });
  panel.querySelectorAll('.widget-slider').forEach(slider => {
    const name = slider.querySelector('.widget-label');
    const handle = slider.querySelector('[role=slider], .ui-slider-handle');
    if (name && handle) { handle.setAttribute('aria-label', name.textContent); }
  });
})(50);
"""


def heading(question: str) -> str:
    return f'{STYLE}<div class="labkit-question" role="heading" aria-level="4">{escape(question)}</div>'


def prediction(said: str, shut: bool) -> str:
    """Return what stands under the question: the stored prediction, or what opens the panel."""
    if shut:
        words = "Predict first: this panel opens when your answer is stored."
        return f'<div class="labkit-prediction" role="note">{words}</div>'
    return f'<div class="labkit-prediction">You said: {escape(said)}</div>' if said else ""


def status(sentence: str, replayed: bool, note: str = "") -> str:
    """Return the sentence of the picture, in a region that a screen reader announces when it changes."""
    said = [note] * bool(note) + ["(Stored answer; Recompute asks the model.)"] * replayed
    soft = "".join(f' <span class="labkit-source">{escape(words)}</span>' for words in said)
    script = f'<img src="data:," alt="" hidden onerror="{escape(_SCRIPT)}">'
    return f'<div class="labkit-status" role="status" aria-live="polite">{escape(sentence)}{soft}{script}</div>'


def alert(notice: str) -> str:
    return f'<div class="labkit-alert" role="alert">{escape(notice)}</div>' if notice else ""


def drawer(table: str, code: str) -> str:
    """Return the opened table and code; a code block that scrolls can be reached by keyboard."""
    lines = f'<pre tabindex="0" aria-label="the same answer as code">{escape(code)}</pre>' if code else ""
    return table + lines
