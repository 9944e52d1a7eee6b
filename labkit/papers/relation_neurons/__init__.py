"""On Relation-Specific Neurons in Large Language Models (Liu, Chen et al. 2025), lesson 11."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="11",
    slug="relation_neurons",
    lesson="11_relation_neurons",
    title="On Relation-Specific Neurons in Large Language Models",
    authors="Yihong Liu, Runsheng Chen, Lea Hirlimann, Ahmad Dawar Hakimi, Mingyang Wang, Amir Hossein Kargaran, "
    "Sascha Rothe, François Yvon, Hinrich Schütze",
    year=2025,
    arxiv="2502.17355",
    code="https://github.com/cisnlp/relation-specific-neurons",
    edits={"silence_neurons": "method.silencing"},
    tokenizers={"facts": "task.tokenizer"},
)
