"""Training runs: what one would learn from, its process and its folder, how it is shown; and which versions are served.

`Training` proposes, starts, follows, stops and resumes them; `list_runs`, `show_run` and `list_versions` tell how they
stand; `put_into_compare`, `take_out` and `roll_back` change what is served. Does not know how training works
(`rlhb_core`), how versions are loaded (`app.serving`), nor any page or route.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.runs.deploying import NeedsOverride, put_into_compare, roll_back, take_out
from app.runs.proposal import (
    Choice,
    Proposal,
    of_a_stranger,
    parents_for,
    parse_overrides,
    parse_since,
    propose,
    recipes_for,
    trainable,
)
from app.runs.run_views import list_runs, show_run
from app.runs.training import QueueFull, Training
from app.runs.version_views import list_versions
from app.runs.views import RunView, VersionsView

__all__ = [
    "Choice",
    "NeedsOverride",
    "Proposal",
    "QueueFull",
    "RunView",
    "Training",
    "VersionsView",
    "list_runs",
    "list_versions",
    "of_a_stranger",
    "parents_for",
    "parse_overrides",
    "parse_since",
    "propose",
    "put_into_compare",
    "recipes_for",
    "roll_back",
    "show_run",
    "take_out",
    "trainable",
]
