"""Large Concept Models (Barrault and others, 2024): language modelling over sentence vectors."""

from labkit.base.papers import Paper

__all__ = ["PAPER"]

PAPER = Paper(
    number="06",
    slug="large_concept_models",
    lesson="06_large_concept_models",
    title="Large Concept Models: Language Modeling in a Sentence Representation Space",
    authors="Loïc Barrault, Paul-Ambroise Duquenne, Maha Elbayad, Artyom Kozhevnikov, and others",
    year=2024,
    arxiv="2412.08821",
    code="https://github.com/facebookresearch/large_concept_model",
)
