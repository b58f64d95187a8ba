"""What an earlier version wrote is read as before: run folders, a stopped run, a database, exports.

`tests/written_before/0b39bd2.tar.xz` was written by that commit, before the core had floors and settings were retired:
`stopped/` is a run of RLHB killed on its second adversarial step, `done/` is the same run as that commit ended it, and
`rlhb.sqlite` has two queries (one with likes and a vote, one with a ranking) whose exports lie beside it.
"""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from safetensors.torch import load_file

from app.files import EXPORTS, DataFilter, import_jsonl
from app.runs.verdict_view import verdict_view
from app.store import Store, signals, verify
from rlhb_core.figures.curves import figures
from rlhb_core.lm.generator import encode_prompt
from rlhb_core.lm.trunk import load_trunk
from rlhb_core.run.data import load_split
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Comparison, Source, Triplet
from rlhb_core.train.version import read_version
from tests.integration.test_training import numbers, train

ROWS_AND_PROMPTS = "02774f7dfa580e25d1a0a87180f2bd0d3979e87968d5b64e92e743acee67bfd8"
"""Of the rows of the ended run and the tokens of their prompts, as the last commit before conversations made them."""
ARCHIVE = Path(__file__).parents[1] / "written_before" / "0b39bd2.tar.xz"
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def rows(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def exported(store: Store, kind: str) -> list[dict[str, Any]]:
    return rows(b"".join(EXPORTS[kind](store, DataFilter(sources=frozenset(Source)))))


def test_a_run_that_it_left_in_the_middle_goes_on_to_the_same_end(written: Path) -> None:
    run, ended = RunDir(written / "stopped"), RunDir(written / "done")
    assert len(run.metrics()) < len(ended.metrics())
    assert train(run) == 0
    for found, expected in zip(numbers(run), numbers(ended), strict=True):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            # What is measured on answers that are sampled: another processor samples a token otherwise here and there.
            slack = 0.05 if name.startswith("disc/") else 1e-5
            about = pytest.approx(value, rel=1e-3, abs=slack) if isinstance(value, float) else value
            assert found[name] == about, name
    weights, before = (
        load_file(each.version / "adapter_model.safetensors") for each in (run, ended)
    )
    assert weights.keys() == before.keys()
    for name, weight in weights.items():
        assert weight.float().numpy() == pytest.approx(before[name].float().numpy(), abs=1e-3)
    verdicts = [verdict_view(each.result() or {}, "SFT") for each in (run, ended)]
    told = [v and (v.word, [(check.name, check.passed) for check in v.checks]) for v in verdicts]
    assert told[0] == told[1]
    assert told[0]


def test_a_run_that_it_ended_is_shown_with_data_curves_verdict_and_version(written: Path) -> None:
    run = RunDir(written / "done")
    config = run.config()
    verdict = verdict_view(run.result() or {}, "SFT")
    assert verdict is not None
    assert verdict.word == "never discriminated"
    assert {check.name for check in verdict.checks} >= {
        "it once discriminated",
        "it saw the behaviour",
    }
    assert len(list(figures(run.metrics()))) > 3
    assert read_version(run.version)["arm"] == "rlhb"
    split = load_split(config, run.triplets(), run.comparisons())
    assert split.train
    assert split.held_out


def test_where_nothing_went_before_rows_and_prompts_are_what_they_always_were(
    written: Path,
) -> None:
    run = RunDir(written / "done")
    config = run.config()
    split = load_split(config, run.triplets(), run.comparisons())
    rows = [*split.train, *split.held_out]
    votes = [*split.train_votes, *split.held_out_votes]
    said = [(each.query, each.response, each.behavior, each.outcome.value) for each in rows]
    voted = [(each.query, *each.responses, str(each.outcome)) for each in votes]
    trunk, most = load_trunk("embedded", "cpu", "float32"), config.sampling.max_prompt_tokens
    prompts = [encode_prompt(trunk, each.query, each.behavior, most) for each in rows]
    found = hashlib.sha256(repr(([*said, *voted], prompts)).encode()).hexdigest()
    assert found == ROWS_AND_PROMPTS


def test_its_database_is_sound_and_exports_what_it_exported(written: Path) -> None:
    store = Store.open(f"sqlite:///{written / 'rlhb.sqlite'}")
    assert list(verify(store)) == []
    for kind in ("triplets", "comparisons", "preferences"):
        before = rows((written / f"{kind}.jsonl").read_bytes())
        now = {json.dumps(_which(each)): each for each in exported(store, kind)}
        assert before
        for line in before:
            found = now[json.dumps(_which(line))]
            assert {name: found[name] for name in _told(line)} == _told(line)
            assert not found.get("history"), "nothing went before a question then"
    labels = rows((written / "labels.jsonl").read_bytes())
    only_lost = "None."
    assert exported(store, "labels") == [
        each for each in labels if each["completion"][0]["content"] != only_lost
    ], "to lose a vote is no label any more"
    (ranked,) = (each for each in exported(store, "comparisons") if each["places"])
    assert ranked["places"] == [2, 1, 3], "a ranking that was stored and ignored counts now"
    query_id = UUID(rows((written / "comparisons.jsonl").read_bytes())[0]["query_id"])
    with store.reading() as connection:
        kinds = [each.kind.value for each in signals.of_query(connection, query_id)]
    assert sorted(kinds) == ["dwell", "like", "rate", "regenerate", "vote"]
    store.close()


def test_its_exports_are_read_back_row_by_row(written: Path, tmp_path: Path) -> None:
    triplets = list(read_jsonl(written / "triplets.jsonl", Triplet))
    comparisons = list(read_jsonl(written / "comparisons.jsonl", Comparison))
    assert [each.choice.value for each in comparisons] == ["best"]
    store = Store.open(f"sqlite:///{tmp_path / 'other.sqlite'}")
    with (written / "triplets.jsonl").open("rb") as lines:
        result = import_jsonl(store, lines)
    assert (result.imported, result.errors) == (len(triplets), [])
    found = {(each["query"], each["response"]): each for each in exported(store, "triplets")}
    assert len(found) == len(triplets)
    for triplet in triplets:
        line = found[triplet.query, triplet.response]
        assert line["behavior_features"] == triplet.behavior_features.model_dump(mode="json")
    store.close()


def _which(line: dict[str, Any]) -> list[Any]:
    """What a line of an export is about."""
    names = ("query_id", "response_id", "query", "prompt", "completion", "chosen", "rejected")
    return [line.get(name) for name in names]


def _told(line: dict[str, Any]) -> dict[str, Any]:
    """What it tells, but for its schema and the words of behaviours, which are newer now."""
    words = {"schema_version", "verbaliser_version", "behavior_text", "behavior_features"}
    return {name: value for name, value in line.items() if name not in words}
