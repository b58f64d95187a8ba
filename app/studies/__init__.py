"""Studies: items to work through, handed out so that each gets the answers that it should, with the next one ready.

`Studies.next` is what a page asks. Rules are in `handing_out.py` and `drawing.py`, answers are written ahead by
`preparing.py`. What is said of an item is signals, as everywhere, and settled by the store.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.studies.audience import check as check_audience
from app.studies.audience import is_open_to
from app.studies.errors import NotInvited, StudyClosed
from app.studies.filling import Filled, fill_from_file, fill_from_store
from app.studies.handing_out import check_open, has_finished
from app.studies.studies import Studies, Task

__all__ = [
    "Filled",
    "NotInvited",
    "Studies",
    "StudyClosed",
    "Task",
    "check_audience",
    "check_open",
    "fill_from_file",
    "fill_from_store",
    "has_finished",
    "is_open_to",
]
