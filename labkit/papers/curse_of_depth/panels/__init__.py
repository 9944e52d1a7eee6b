"""Panels about depth (lesson 08): the switch, first values, the theory, two trainings, and what a lost block costs."""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "beginning": ("InitialisationData", "InitialisationPanel", "InitialisationState"),
        "pair": ("PairPanel", "PairState"),
        "scaling": ("ScalingPanel", "ScalingState"),
        "theory": ("TheoryPanel", "TheoryState"),
        "twins": ("TrainingPairPanel",),
    },
)
