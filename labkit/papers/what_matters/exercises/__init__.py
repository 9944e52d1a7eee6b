"""The lesson's predictions and exercises: the hour's and the deeper notebook's."""

from .hour import LESSON

__all__ = ["LESSON"]
