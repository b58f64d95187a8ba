"""Files of data: what a line of an export says, and what the lines of a file to import mean.

The exports write what is downloaded and what a run is trained on; `import_file` reads triplets back, formats of others
that are known by themselves (`shapes`), and any table by a mapping of its columns. Knows no SQL, no HTTP and no
browser: how files travel is `app.transfers`.

Holds what the rest of the app may use; the rest of this folder is private.
"""

from app.files.exporting import (
    EXPORTS,
    Amounts,
    DataFilter,
    amounts,
    compared,
    comparison_lines,
    completion_lines,
    corrected,
    label_lines,
    preference_lines,
    start_of,
    taken,
    triplet_lines,
    write_lines,
)
from app.files.import_result import ImportResult
from app.files.importing import import_csv, import_file, import_jsonl
from app.files.item_lines import FoundAnswer, FoundItem, read_folder, read_items
from app.files.mapping import Mapping, load_mapping

__all__ = [
    "EXPORTS",
    "Amounts",
    "DataFilter",
    "FoundAnswer",
    "FoundItem",
    "ImportResult",
    "Mapping",
    "amounts",
    "compared",
    "comparison_lines",
    "completion_lines",
    "corrected",
    "import_csv",
    "import_file",
    "import_jsonl",
    "label_lines",
    "load_mapping",
    "preference_lines",
    "read_folder",
    "read_items",
    "start_of",
    "taken",
    "triplet_lines",
    "write_lines",
]
