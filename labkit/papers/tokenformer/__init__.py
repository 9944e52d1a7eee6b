"""TokenFormer: linear layers as attention to parameter tokens, so that a model can grow by new ones."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="03",
    slug="tokenformer",
    lesson="03_tokenformer",
    title="TokenFormer: Rethinking Transformer Scaling with Tokenized Model Parameters",
    authors=(
        "Haiyang Wang, Yue Fan, Muhammad Ferjad Naeem, Yongqin Xian, Jan Eric Lenssen, Liwei Wang, "
        "Federico Tombari, Bernt Schiele"
    ),
    year=2024,
    arxiv="2410.23168",
    code="https://github.com/Haiyang-W/TokenFormer",
    configs={"method.model": ("tokenformer", "tokenformer-baseline")},
    edits={"method.usage": ("mask-tokens",)},
    drawings={"figures": ("GrowthRace", "GrowthRecovery", "GrowthVariations", "StepZero")},
    panels={"panels.fire": ("FirePanel",), "panels.grow": ("GrowPanel",)},
    experiments={
        "method.accounting": ("TrainingStage", "model_cost", "cumulative_flops", "matched_tokens"),
        "method.growth": ("duplicate", "grow"),
        "method.model": ("TokenFormer", "Transformer", "pattention_layers"),
        "method.pattention": ("Pattention",),
        "method.resuming": ("check_optimiser", "held_back", "migrate"),
        "method.theta": ("THETAS",),
        "method.usage": ("MaskTokens", "effective_number", "least_used", "masks"),
        "method.widening": ("block_pad", "clone_wider", "net2wider"),
        "experiments.appended": ("AppendedKeys", "appended_key"),
        "experiments.carrying": ("carry_over",),
        "experiments.firing": ("TokenFiring", "token_firing"),
        "experiments.growing": (
            "GROWTH_WAYS",
            "GrowthRecovery",
            "StepZero",
            "GrowthWay",
            "growth_curve",
            "recover",
            "step_zero",
        ),
        "experiments.race": ("ACCOUNTS", "GrowthRace", "forgetting", "growth_race", "paired_loss", "stored_runs"),
        "experiments.variations": ("GrowthVariations", "held_back_rows", "other_sizes"),
    },
    tokenizers={"island-words": "task.tokenizer"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
