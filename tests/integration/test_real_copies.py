"""Real programmers who copied from answers (RealHumanEval), imported through the product's own mapping.

The data lies beside a development checkout and is no part of the project; without it this test says so and skips.
"""

from collections import Counter
from pathlib import Path

import pytest

from app.files import import_file
from app.store import Store, verify
from tests.integration.test_export_import import triplets_of

HERE = Path(__file__).parents[2]
LOG = HERE.parent / "shared" / "data" / "realhumaneval" / "chat_data.csv"


@pytest.mark.skipif(
    not LOG.exists(),
    reason="RealHumanEval is not there (it belongs beside the checkout, in ../shared/data)",
)
def test_answers_come_with_what_was_copied_and_what_went_before(
    sqlite_store: Store, tmp_path: Path
):
    mapping = HERE / "docs" / "import" / "realhumaneval.toml"
    result = import_file(sqlite_store, LOG, mapping)
    assert (result.lines, len(result.people), result.done.total()) == (801, 80, 377)
    assert [str(error) for error in result.errors] == [
        "line 15357: request: is a conversation in which nothing was said"
    ]
    assert result.warnings == []
    found = triplets_of(sqlite_store)
    assert Counter(each.behavior_features.copied for each in found) == {False: 524, True: 277}
    assert sum(each.turn > 1 for each in found) == 487
    assert all(len(each.history) == 2 * (each.turn - 1) for each in found)
    assert {each.model_version for each in found} == {
        "GPT-3.5 (chat)", "GPT-4o (chat)", "CodeLlama7b (chat)", "CodeLlama34b (chat)"
    }  # fmt: skip
    assert verify(sqlite_store) == []
    assert import_file(sqlite_store, LOG, mapping).skipped == 801
