"""Honest work: what speaks for and against the care with which somebody has judged. Signs for people, no verdicts.

Nobody is left out by it: whoever leads a study looks, and may leave somebody out of training, or take them in again.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.honesty.reading import work_in
from app.honesty.share import Share
from app.honesty.signs import Doubt, Signs, signs_of
from app.honesty.work import Said, Work

__all__ = ["Doubt", "Said", "Share", "Signs", "Work", "signs_of", "work_in"]
