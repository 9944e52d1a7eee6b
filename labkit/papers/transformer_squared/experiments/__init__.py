"""The lesson's experiments: public functions from a model and options to frozen results."""

from .grading import Grades, grade
from .spectra import BandEffect, SpectrumShares, band_edits, band_effect, spectrum_shares
from .strategies import FewShots, LabelTable, Strategies, few_shots, label_table, strategies
from .transplants import transplant
from .waking import Controls, Waking, controls, controls_by_domain, strengths, wake

__all__ = [
    "BandEffect",
    "Controls",
    "FewShots",
    "Grades",
    "LabelTable",
    "SpectrumShares",
    "Strategies",
    "Waking",
    "band_edits",
    "band_effect",
    "controls",
    "controls_by_domain",
    "few_shots",
    "grade",
    "label_table",
    "spectrum_shares",
    "strategies",
    "strengths",
    "transplant",
    "wake",
]
