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
    edits={"method.edits": ("scale_spectrum",)},
    drawings={"figures.results": ("BandEffect", "Controls", "OverSeeds", "SpectrumShares", "Strategies", "Waking")},
    panels={"panels.equaliser": ("EqualiserPanel",), "panels.mixer": ("MixerPanel",)},
    experiments={
        "task": ("Questions", "chance", "questions"),
        "method.spectrum": ("Spectrum", "multipliers", "renormalised", "rescaled", "spectrum"),
        "method.edits": ("ScaleSpectrum", "band"),
        "method.adapters": ("IA3", "SVF", "LoRA", "SVFCode"),
        "method.learning": ("Learned", "Learning", "learn", "reinforce_loss"),
        "method.bank": ("Expert", "load_bank", "mix", "save_bank", "shipped_bank"),
        "method.search": ("cross_entropy", "random_shooting"),
        "method.dispatch": ("adapt_by_few_shots", "classify", "two_pass"),
        "experiments.grading": ("Grades", "grade"),
        "experiments.spectra": ("BandEffect", "SpectrumShares", "band_edits", "band_effect", "spectrum_shares"),
        "experiments.waking": ("Controls", "Waking", "controls", "controls_by_domain", "strengths", "wake"),
        "experiments.strategies": ("FewShots", "LabelTable", "Strategies", "few_shots", "label_table", "strategies"),
        "experiments.mixtures": ("MixtureMap", "mixture_map", "mixture_scores", "stored_maps"),
        "experiments.transplants": ("transplant", "transplant_by_few_shots"),
        "experiments.searches": ("WAYS", "Searched", "search_shares"),
        "experiments.other_ways": ("OtherWays", "RatesTried", "other_ways", "rates_tried"),
        "experiments.twice": ("Twice", "measured_twice"),
        "experiments.over_seeds": (
            "OverSeeds",
            "lent_over_seeds",
            "losses_elsewhere",
            "searches_on_shots",
            "searches_over_seeds",
            "strategies_over_seeds",
            "transplants_over_seeds",
        ),
    },
    sweeps={"mixtures": "experiments.mixtures.store_maps"},
    tokenizers={"skills": "task.language"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
