"""The lesson's experiments: models and options to frozen results, each with its per-unit records."""

from .codecs import CodecCheck, Fragility, check_codec, fragility
from .costs import Cost, cost_of
from .mixing import Mixture, mix
from .quality import Quality, judge_concepts, judge_pieces, quality_of

__all__ = [
    "CodecCheck", "Cost", "Fragility", "Mixture", "Quality",
    "check_codec", "cost_of", "fragility", "judge_concepts", "judge_pieces", "mix", "quality_of",
]  # fmt: skip
