"""LLM-Microscope: what each layer does to a token, and what can be read out of it (arXiv 2502.15007)."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="10",
    slug="llm_microscope",
    lesson="10_llm_microscope",
    title="LLM-Microscope: Uncovering the Hidden Role of Punctuation in Context Memory of Transformers",
    authors="Anton Razzhigaev, Matvey Mikhalchuk, Temurbek Rahmatullaev, Elizaveta Goncharova, Polina Druzhinina, "
    "Ivan Oseledets, Andrey Kuznetsov",
    year=2025,
    arxiv="2502.15007",
    code="https://github.com/AIRI-Institute/LLM-Microscope",
    drawings={
        "figures.token_map": ("TokenMap",),
        "figures.reading": ("LevelProfile", "LinearityProfile", "Memory", "Rebuilt"),
        "figures.removal": ("Stripped", "TwoByTwo"),
    },
    panels={"panels.microscope": ("MicroscopePanel",), "panels.strip": ("StripPanel",)},
    loaders={"contextualiser": "method.storage.read_contextualiser"},
    sweeps={"strip": "experiments.removal.store_strip"},
    experiments={
        "task.classes": ("class_of", "classes_of"),
        "task.removal": ("RULES", "remove", "remove_as_many", "remove_judged", "word_list"),
        "task.passages": ("body_of", "story_passages"),
        "method.linearity": (
            "chance_score",
            "fit_linear",
            "linearity",
            "linearity_by_channel",
            "procrustes_score",
            "whitened_score",
        ),
        "method.nonlinearity": ("fit_steps", "nonlinearity"),
        "method.dimension": ("anisotropy", "anisotropy_by_power", "two_nn"),
        "method.lens": ("Lens", "logit_lens", "rescale"),
        "method.states": ("Cloud", "cloud_of", "states_of"),
        "method.contextualiser": ("Contextualiser", "one_hot", "windows"),
        "method.storage": ("Reader", "load_reader"),
        "method.answering": ("right_answers",),
        "experiments.memory": ("Memory", "gap", "read_memory", "rebuild", "test_stories"),
        "experiments.linear": ("associate", "linearity_profile", "token_nonlinearity"),
        "experiments.shape": ("shape_by_level",),
        "experiments.removal": ("strip_text",),
        "experiments.levels": ("single_levels",),
        "experiments.retrained": ("from_scratch", "two_by_two"),
        "experiments.causal": ("necessity",),
        "experiments.attention": ("attention_to",),
        "experiments.spread": ("histogram", "spread_over"),
        "figures.reading": ("gap_rows",),
    },
)
__all__, __getattr__, __dir__ = PAPER.lazily()
