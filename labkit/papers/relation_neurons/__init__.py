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
    edits={"method": ("silence_neurons",)},
    tokenizers={"facts": "task.tokenizer"},
    drawings={
        "figures": (
            "BestNeurons",
            "DamageMap",
            "DamageNull",
            "Interference",
            "MatchedControls",
            "NeuronOverlap",
            "ShareCurve",
            "NeuronStrips",
        )
    },
    panels={"panels.silence": ("SilencePanel",), "panels.confounds": ("ConfoundPanel",)},
    sweeps={
        "portraits": "experiments.measuring.sweep_portraits",
        "matched": "experiments.measuring.sweep_controls",
        "large_registers": "experiments.measuring.sweep_large",
    },
    experiments={
        "task": ("Register",),
        "claims": ("SeedTable", "by_seed"),
        "method": ("SilenceNeurons", "average_precision", "find_neurons", "layout_of", "record_pooled"),
        "experiments": (
            "BestNeurons",
            "ConceptOverlap",
            "MatchedControls",
            "Cumulativity",
            "DamageMap",
            "DamageNull",
            "LostAnswers",
            "FrequencyGap",
            "Interference",
            "NeuronOverlap",
            "ShareCurve",
            "NeuronStrips",
            "OwnBars",
            "Portraits",
            "RelationStudy",
            "TalkLoss",
            "best_neurons",
            "by_share",
            "chosen_ap",
            "concept_overlap",
            "cumulativity",
            "damage_map",
            "damage_null",
            "entity_overlap",
            "lost_answers",
            "frequency_gap",
            "interference",
            "neuron_overlap",
            "neuron_strips",
            "neurons_for",
            "own_bars",
            "pair_curve",
            "talk_loss",
        ),
    },
)

__all__, __getattr__, __dir__ = PAPER.lazily()
