"""The experiments of this lesson: public functions to frozen results."""

from labkit.base.doors import lazy_names

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "appended": ("AppendedKeys", "appended_key"),
        "firing": ("Firing", "firing"),
        "growing": (
            "WAYS",
            "GrowthCurve",
            "Recovery",
            "StepZero",
            "Way",
            "growth_curve",
            "recover",
            "row_losses",
            "step_zero",
        ),
        "race": ("ACCOUNTS", "NAMES", "SEEDS", "Race", "paired_loss", "race", "stored_runs"),
    },
)
