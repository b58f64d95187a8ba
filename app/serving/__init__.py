"""What answers: model versions on local trunks, decoded as one batch, and on remote servers beside them.

`Serving.stream(jobs)` is the whole of it for callers. Does not know comparisons, votes or people.
"""

from app.serving.jobs import Chunk, End, Job
from app.serving.registry import register_base
from app.serving.streams import Serving

__all__ = ["Chunk", "End", "Job", "Serving", "register_base"]
