"""Large Concept Models (Barrault and others, 2024): language modelling over sentence vectors."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="06",
    slug="large_concept_models",
    lesson="06_large_concept_models",
    title="Large Concept Models: Language Modeling in a Sentence Representation Space",
    authors="Loïc Barrault, Paul-Ambroise Duquenne, Maha Elbayad, Artyom Kozhevnikov, Belen Alastruey, Pierre Andrews, "
    "Mariano Coria, Guillaume Couairon, Marta R. Costa-jussà, David Dale, Hady Elsahar, Kevin Heffernan, "
    "João Maria Janeiro, Tuan Tran, Christophe Ropers, Eduardo Sánchez, Robin San Roman, Alexandre Mourachko, "
    "Safiyyah Saleem, Holger Schwenk",
    year=2024,
    arxiv="2412.08821",
    code="https://github.com/facebookresearch/large_concept_model",
    tokenizers={"two-languages": "task.tokenizer"},
    loaders={"concepts": "method.store.read_folder"},
    drawings={"figures": ("ByFutures", "Filmed", "Plane")},
    panels={"panels.steer": ("SteerPanel",), "panels.denoising": ("FilmPanel",)},
    experiments={
        "method.codec": ("Codec", "CodecConfig", "codec_loss", "noised"),
        "method.generation": ("film_of", "next_concepts", "tell"),
        "method.losses": ("Cleaned", "denoising_loss"),
        "method.models": ("BaseLCM", "ConceptConfig", "OneTower", "TwoTower"),
        "method.normaliser": ("Normaliser",),
        "method.pretrained": ("PretrainedCodec",),
        "method.quantise": ("Books", "QuantLCM", "fit_books", "read_again"),
        "method.sampling": ("PAPER_KNOBS", "Knobs", "guided"),
        "method.schedule": ("SCHEDULES", "Schedule", "spaced"),
        "method.segment": ("segment",),
        "method.space": ("ConceptSpace",),
        "method.store": ("load_model", "load_space"),
        "exercises.hunting": ("released",),
        "training": ("TOKEN",),
        "experiments.branching": ("ByFutures", "by_futures"),
        "experiments.codecs": ("CodecCheck", "Fragility", "check_codec", "fragility", "fragility_by_words"),
        "experiments.costs": ("Cost", "cost_of", "crossover"),
        "experiments.films": ("Filmed", "film"),
        "experiments.mixing": ("Mixture", "mix"),
        "experiments.plane": ("Plane", "learn_plane"),
        "experiments.quality": (
            "Quality",
            "exact_answers",
            "judge_concepts",
            "judge_pieces",
            "quality_of",
            "test_events",
        ),
        "experiments.steering": ("Steered", "steer"),
        "experiments.summaries": (
            "episodes",
            "expand",
            "judge_summaries",
            "stored_summaries",
            "summarise",
            "train_summaries",
        ),
        "experiments.unmarked": ("judge_unmarked", "train_unmarked", "unmarked", "unmarked_futures"),
        "experiments.second_space": (
            "check_slots",
            "learn_second_space",
            "measure_second_space",
            "stored_second_space",
        ),
        "experiments.runs": ("family", "measure_run", "measured", "runs_path"),
    },
)
__all__, __getattr__, __dir__ = PAPER.lazily()
