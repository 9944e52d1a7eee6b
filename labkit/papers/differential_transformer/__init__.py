"""Differential Transformer (Ye et al. 2024): attention as the difference of two softmax maps. Lesson: 04."""

from labkit.base.papers import Paper

_CONFIGS = ("diff-transformer", "softmax-transformer", "needle-diff", "needle-softmax")

PAPER = Paper(
    number="04",
    slug="differential_transformer",
    title="Differential Transformer",
    lesson="04_differential_transformer",
    authors="Tianzhu Ye, Li Dong, Yuqing Xia, Yutao Sun, Yi Zhu, Gao Huang, Furu Wei",
    year=2024,
    arxiv="2410.05258",
    code="https://github.com/microsoft/unilm/tree/master/Diff-Transformer",
    configs=dict.fromkeys(_CONFIGS, "method"),
    edits={"set_lambda": "method", "head_norm_off": "method"},
    drawings={"Arms": "figures", "Microphones": "figures"},
    panels={"LambdaPanel": "panels", "ReadingPanel": "panels"},
    sweeps={"needles": "experiments.measured_runs.measure_runs"},
    tokenizers={"needles": "task.tokenizer"},
)
