"""The Super Weight in Large Language Models: single scalars of a down projection that a model hangs on.

found = find_super_weights(model, text)          # one pass; addresses `layers.L.mlp.down[out, in]`
peeled = detect_iteratively(model, text)                       # zero what is found, look again
trial = ablate(model, found.addresses, documents)  # against matched nulls; this decides
"""

from labkit.base.papers import Paper

PAPER = Paper(
    number="01",
    slug="super_weight",
    lesson="01_super_weight",
    title="The Super Weight in Large Language Models",
    authors="Mengxia Yu, De Wang, Qi Shan, Colorado Reed, Alvin Wan",
    year=2024,
    arxiv="2411.07191",
    code="https://github.com/mengxiayu/LLMSuperWeight",
    configs={"method.kv_bias": ("kv-bias",)},
    drawings={
        "figures.spikes": ("SpikeProfile", "SuperActivation"),
        "figures.ablations": ("Ablation", "DoseCurve", "RestoreCurve"),
        "figures.emergence": ("Emergence",),
        "figures.rounding": ("RoundingGrid",),
        "figures.weight": ("WeightData",),
        "figures.quantiser": ("QuantiserData",),
    },
    panels={"panels.weight": ("WeightPanel",), "panels.quantiser": ("QuantiserPanel",)},
    experiments={
        "method.ablation": (
            "NULLS",
            "Ablation",
            "Cut",
            "DoseCurve",
            "ablate",
            "dose_curve",
            "matched_nulls",
            "neuron_of",
        ),
        "method.activation": (
            "RestoreCurve",
            "SuperActivation",
            "TokenShift",
            "restore_curve",
            "super_activation",
            "token_shift",
        ),
        "method.amplifier": ("amplifier_directions", "amplifier_matrix", "amplifier_sizes"),
        "method.detector": ("Candidate", "Detection", "Peeling", "find_super_weights", "detect_iteratively"),
        "method.drain": ("ValueDrain", "value_drain"),
        "method.kv_bias": ("BiasedAttention", "KeyValueBias"),
        "method.profile": ("Spike", "SpikeProfile", "spike_profile"),
        "method.published": ("PublishedWeight", "index_sources", "published", "published_table"),
        "experiments.emergence": ("Emergence", "Moment", "emergence", "emergence_path"),
        "experiments.gains": ("every_gain", "gains_path", "store_gains"),
        "experiments.rounding": ("RoundingGrid", "rounding", "rounding_path"),
        "experiments.sealed": ("SEALED", "sealed"),
    },
    sweeps={
        "gains": "experiments.gains.sweep_gains",
        "emergence": "experiments.emergence.sweep_emergence",
        "rounding": "experiments.rounding.sweep_rounding",
    },
    cards={"planted": "experiments.planted.planted_numbers"},
    budgets={"super_weight": "panels.timed.trials"},
    measures={"labkit.claims.lesson01": "claims"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
