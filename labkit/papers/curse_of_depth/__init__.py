"""The Curse of Depth in Large Language Models: where the norm stands, and what deep blocks are worth."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="08",
    slug="curse_of_depth",
    lesson="08_curse_of_depth",
    title="The Curse of Depth in Large Language Models",
    authors="Wenfang Sun, Xinyuan Song, Pengxiang Li, Lu Yin, Yefeng Zheng, Shiwei Liu",
    year=2025,
    arxiv="2502.05795",
    code="https://github.com/lmsdss/LayerNorm-Scaling",
    edits={"method.switching": ("switch_layernorm_scaling",), "method.swapping": ("swap_blocks",)},
    configs={
        "method.placements": (
            "pre-norm",
            "post-norm",
            "sandwich",
            "mix-norm",
            "deep-norm",
            "lns",
            "scaling-at",
            "skip-init",
            "re-zero",
            "layer-scale",
        )
    },
    drawings={
        "figures.depths": ("IdleByDepth",),
        "figures.distances": ("AngularDistances",),
        "figures.theory": ("TheoryCurves",),
    },
    panels={
        "panels.beginning": ("InitialisationPanel",),
        "panels.pair": ("PairPanel",),
        "panels.switch": ("ScalingPanel",),
        "panels.theory": ("TheoryPanel",),
        "panels.twins": ("TrainingPairPanel",),
    },
    experiments={
        "method.placements": (
            "DeepNorm",
            "LayerNormScaling",
            "LayerScale",
            "MixNorm",
            "PostNorm",
            "PreNorm",
            "ReZero",
            "Sandwich",
            "ScalingAt",
            "SkipInit",
        ),
        "method.folding": ("fold", "unfold"),
        "method.switching": ("SwitchLayerNormScaling",),
        "method.swapping": ("SwapBlocks",),
        "method.distances": ("AngularDistances", "angular_distance", "angular_distances", "relative_updates"),
        "method.theory": ("TheoryCurves", "check_theorems", "theory_curves"),
        "method.gradients": ("gradient_norms", "weight_changes"),
        "method.jacobian": ("block_jacobian", "block_jacobians", "diagonal_share", "distance_from_identity"),
        "experiments.block_runs": (
            "DEPTH_KINDS",
            "BlockRun",
            "BlockRuns",
            "blocks_path",
            "curves_path",
            "measure_model",
            "measure_runs",
            "one_rate_blocks_path",
            "one_rate_curves_path",
            "placements_path",
        ),
        "experiments.depths": ("IdleByDepth", "idle_by_depth"),
        "experiments.transfers": ("Transfer", "Transfers", "transfer", "transfers_path"),
    },
    sweeps={
        "twins": "panels.twins.store",
        "transfer": "experiments.transfers.sweep_transfers",
        "one-rate": "experiments.block_runs.sweep_one_rate",
        "depths": "experiments.block_runs.sweep_depths",
    },
    measures={"labkit.claims.lesson08": "claims.checkpoints", "labkit.claims.lesson08_runs": "claims.trained"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
