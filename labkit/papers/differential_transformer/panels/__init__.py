"""The two panels of the lesson: λ of a trained model by a slider, and where two models look in a text of your own."""

from labkit.base.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "surgery": ("LambdaPanel", "LambdaState"),
        "reading": ("ReadingData", "ReadingPanel", "ReadingState"),
    },
)
