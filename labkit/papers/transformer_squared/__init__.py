"""Transformer²: SVF experts, three ways to choose among them, and what LoRA does instead (Sun et al. 2025)."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="07",
    slug="transformer_squared",
    lesson="07_transformer_squared",
    title="Transformer-Squared: Self-adaptive LLMs",
    authors="Qi Sun, Edoardo Cetin, Yujin Tang",
    year=2025,
    arxiv="2501.06252",
    code="https://github.com/SakanaAI/self-adaptive-llms",
    edits={"scale_spectrum": "method.edits"},
    drawings={"Waking": "figures", "Controls": "figures", "Strategies": "figures"},
    panels={"EqualiserPanel": "panels", "MixerPanel": "panels"},
    tokenizers={"skills": "task.language"},
)
