"""Files on their way: downloads of any size to readers of any speed, and what browsers send, streamed and bounded.

Knows HTTP and the disk, no store; what a file says is `app.files`.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.transfers.downloads import Downloads, TooMany
from app.transfers.uploads import InUse, NoSpace, TooLarge, Uploads, sorted_out

__all__ = ["Downloads", "InUse", "NoSpace", "TooLarge", "TooMany", "Uploads", "sorted_out"]
