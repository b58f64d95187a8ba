"""What the subcommands of `rlhb` do once their options are parsed: one function each, over the same parts as the pages.

Holds what the rest of the app may use; the rest of this folder is private. Knows no SQL and no tensors.
"""

from app.commands.here import (
    bring_items,
    console,
    export_lines,
    find_run,
    follow_run,
    import_file,
    opened,
    run_engine,
    run_simulation,
    train_and_follow,
    verify_store,
    write_figures,
)
from app.commands.progress import bars
from app.commands.results import tell_results
from app.commands.team import (
    create_token,
    export_from,
    list_tokens,
    make_invitation,
    revoke,
)

__all__ = [
    "bars",
    "bring_items",
    "console",
    "create_token",
    "export_from",
    "export_lines",
    "find_run",
    "follow_run",
    "import_file",
    "list_tokens",
    "make_invitation",
    "opened",
    "revoke",
    "run_engine",
    "run_simulation",
    "tell_results",
    "train_and_follow",
    "verify_store",
    "write_figures",
]
