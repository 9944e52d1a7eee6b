"""What Matters in Transformers? Not All Attention is Needed: attention, MLPs and blocks dropped by similarity.

scores = Cosine()(model, documents)        # 1 - cosine of the stream before and after each part
plan = one_shot(model, documents, 4, "attention")
found = race(model, ...)                   # every strategy, part by part
"""

from labkit.base.papers import Paper

PAPER = Paper(
    number="02",
    slug="what_matters",
    lesson="02_what_matters",
    title="What Matters in Transformers? Not All Attention is Needed",
    authors="Shwai He, Guoheng Sun, Zheyu Shen, Ang Li",
    year=2024,
    arxiv="2406.15786",
    code="https://github.com/CASE-Lab-UMD/LLM-Drop",
    drawings={
        "figures.race": ("Race",),
        "figures.left": ("Left",),
        "figures.equal_scores": ("EqualScores",),
        "figures.positions": ("PositionScores",),
        "figures.cost": ("CostData",),
        "figures.layer_grid": ("LayerGridData",),
        "figures.healing": ("HealData",),
        "figures.position_view": ("ScoreData",),
        "figures.race_steps": ("RaceData",),
        "figures.score_vs_ablation": ("ScoreVsAblationData",),
        "figures.through_training": ("TrainingData",),
    },
    panels={
        "panels.cost": ("CostPanel",),
        "panels.heal": ("HealPanel",),
        "panels.layer_grid": ("LayerGridPanel",),
        "panels.scores_by_position": ("ScorePanel",),
        "panels.race": ("RacePanel",),
        "panels.through_training": ("ThroughTrainingPanel",),
        "panels.score_vs_ablation": ("ScoreVsAblationPanel",),
    },
    experiments={
        "method.calibration": ("calibration",),
        "method.metrics": ("Cosine", "Metric", "RandomOrder", "RelativeMagnitude", "ReverseOrder"),
        "method.positions": ("PositionScores", "position_scores"),
        "method.windows": ("WindowScores", "window_scores"),
        "method.dropping": ("consecutive", "iterative", "one_shot"),
        "method.heads": ("drop_head", "head_scores", "lowest_heads"),
        "method.keeping": ("load_cut", "save_cut"),
        "method.lora": ("heal_by_lora",),
        "method.pruning": ("pruned",),
        "experiments.race": ("Race", "race"),
        "experiments.left": ("Left", "what_is_left"),
        "experiments.equal_scores": ("EqualScores", "equal_scores"),
    },
    sweeps={
        "truth": "panels.score_vs_ablation.ScoreVsAblationPanel",
        "layer-grid": "panels.layer_grid.LayerGridPanel",
        "race": "panels.race.RacePanel",
        "positions": "panels.scores_by_position.ScorePanel",
        "cost": "panels.cost.CostPanel",
        "heal": "panels.heal.HealPanel",
        "training": "panels.through_training.ThroughTrainingPanel",
    },
    budgets={"what_matters": "panels.timed.trials"},
    measures={"labkit.claims.lesson02": "claims.trained", "labkit.claims.lesson02_exact": "claims.exact"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
