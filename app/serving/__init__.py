"""What answers: model versions on local models, each base in a process of its own, and servers elsewhere beside them.

`Serving.stream(jobs)` is the whole of it for callers. Does not know comparisons, votes or people.
"""

from app.serving.jobs import Chunk, End, Job, cut, cut_at
from app.serving.registry import register_base
from app.serving.streams import Serving

__all__ = ["Chunk", "End", "Job", "Serving", "cut", "cut_at", "register_base"]
