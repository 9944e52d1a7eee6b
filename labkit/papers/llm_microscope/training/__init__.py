"""What this paper trains, as data. `python -m labkit.papers.llm_microscope.training reader` trains one again.

readers.py     the contextualisation decoder of lab/deep ("reader"), and its baseline ("own_word"), which is given the
               token's own embedding, or nothing, and never the context; two more for a check alone: given "nothing",
               and given the states of other tokens ("shuffled"); adapters for single levels
reading_on.py  lab/deep goes on reading long documents, as they are or stripped by a rule
scratch.py     small models that read nothing but days of the islands, whole or stripped
making.py      what is kept of them

Everything resumes: a reader that is there is not trained again, and runs are kept line by line (`Runs`).
"""

from .readers import KINDS, READER_FIT, SINGLE_FIT, SINGLE_LEVELS, new_reader, train_reader, train_single
from .reading_on import ARMS, REMOVAL_FIT, SHORT, removal_loss, train_removal
from .scratch import SCRATCH_ARMS, SCRATCH_FIT, scratch_config, scratch_loss, train_scratch

__all__ = [
    "ARMS",
    "KINDS",
    "READER_FIT",
    "REMOVAL_FIT",
    "SCRATCH_ARMS",
    "SCRATCH_FIT",
    "SHORT",
    "SINGLE_FIT",
    "SINGLE_LEVELS",
    "new_reader",
    "removal_loss",
    "scratch_config",
    "scratch_loss",
    "train_reader",
    "train_removal",
    "train_scratch",
    "train_single",
]
