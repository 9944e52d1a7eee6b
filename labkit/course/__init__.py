"""What lessons need besides science: predictions, exercises, progress; and how notebooks are built, checked and copied.

In a notebook: `lesson = labkit.open_lesson("00")`. Building and editions live in `build`, `editions`, `guard`.
"""

from .catalogue import definition, definitions
from .exercises import Exercise, one_of, right, wrong
from .lesson import Lesson, open_lesson
from .lesson_definition import LessonDefinition
from .optional_models import load_if_here
from .questions import Prediction, lowest
from .tolerance import close_to, holds, number, report

__all__ = [
    "Exercise",
    "Lesson",
    "LessonDefinition",
    "Prediction",
    "close_to",
    "definition",
    "definitions",
    "holds",
    "load_if_here",
    "lowest",
    "number",
    "one_of",
    "open_lesson",
    "report",
    "right",
    "wrong",
]
