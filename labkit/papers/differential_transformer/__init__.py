"""Differential Transformer (Ye et al. 2024): attention as the difference of two softmax maps. Lesson: 04."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="04",
    slug="differential_transformer",
    title="Differential Transformer",
    lesson="04_differential_transformer",
    authors="Tianzhu Ye, Li Dong, Yuqing Xia, Yutao Sun, Yi Zhu, Gao Huang, Furu Wei",
    year=2024,
    arxiv="2410.05258",
    code="https://github.com/microsoft/unilm/tree/master/Diff-Transformer",
    configs={"method.config": ("diff-transformer", "softmax-transformer", "needle-diff", "needle-softmax")},
    edits={"method.edits": ("set_lambda", "head_norm_off"), "experiments.activations": ("quantise_scores",)},
    drawings={"figures": ("Arms", "Microphones")},
    panels={"panels": ("LambdaPanel", "ReadingPanel")},
    experiments={
        "task": ("Needles",),
        "method": (
            "DiffAttention",
            "DiffAttentionV2",
            "DiffTransformer",
            "HeadNormOff",
            "NeedleDiff",
            "NeedleSoftmax",
            "SetLambda",
            "SoftmaxTransformer",
            "halved",
            "lambda_init",
        ),
        "method.naive": ("flash_1", "flash_2", "naive", "naive_as_released"),
        "method.hub": ("diffllama_weights", "from_diffllama"),
        "experiments": (
            "QuantiseScores",
            "allocate",
            "compare_arms",
            "depth_grid",
            "find_needles",
            "large_activations",
            "look_at_text",
            "operate_on_lambda",
            "question_maps",
            "shared_noise",
            "two_microphones",
        ),
        "figures": ("grid_lines", "lambda_history", "lambda_lines", "share_bars", "training_lines"),
    },
    sweeps={"needles": "experiments.measured_runs.measure_runs"},
    tokenizers={"needles": "task.tokenizer"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
