"""The whole story, smaller: the same function as `make demo`, with a few queries and a few steps."""

import json
import re

import pytest

from app.demo import run_demo
from app.settings import Settings
from app.store import Store
from app.store.verify import verify
from rlhb_core.run.folder import RunDir
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Source, Triplet
from rlhb_core.verdict.checks import WORDS

QUERIES = 60
SMALL = {
    "ppo.iterations": 3,
    "ppo.rollouts": 16,
    "ppo.minibatch": 8,
    "ppo.likelihood_batch": 4,
    "ppo.critic_warmup": 1,
    "reward_model.steps": 20,
    "discriminator.pretrain_steps": 20,
    "discriminator.pretrain_rollouts": 16,
    "discriminator.steps": 1,
    "warmup.steps": 3,
    "evaluation.samples": 12,
    "evaluation.judge_rollouts": 60,
    "evaluation.foreseen_votes": 40,
    "evaluation.judge_pretrain_steps": 10,
    "evaluation.judge_seeds": 1,
    "evaluation.judge_steps": 10,
    "evaluation.reading_seeds": 0,
    "evaluation.watch": 8,
    "evaluation.bootstrap": 100,
    "data.min_triplets": 20,
    "data.min_comparisons": 10,
}
ARMS = (Arm.RLHF, Arm.RLHB, Arm.RLHF_RLHB)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The folder that the story ends with."""
    out = tmp_path_factory.mktemp("story") / "demo"
    report = run_demo(out, queries=QUERIES, people=6, overrides=dict.fromkeys(ARMS, SMALL))
    assert report == out / "report.html"
    return out


def test_every_arm_is_trained_measured_and_judged(told):
    results = json.loads((told / "results.json").read_text(encoding="utf-8"))
    assert results["simulated"] is True
    assert set(results["arms"]) == {arm.value for arm in ARMS}
    for arm, numbers in results["arms"].items():
        assert numbers["verdict"] in WORDS, arm
        low, high = numbers["against_sft"]["interval"]
        assert low <= numbers["against_sft"]["win_rate"] <= high
        assert numbers["against_sft"]["n"] == SMALL["evaluation.samples"]
    assert results["arms"]["rlhf"]["condition"] is None
    assert results["arms"]["rlhb"]["condition"].startswith("The reader ")
    assert [r["served"] for r in results["rounds"]] == ["SFT", "RLHF"]
    assert [r["queries"] for r in results["rounds"]] == [QUERIES, QUERIES]


def test_rlhf_rlhb_starts_from_the_rlhf_version_and_learns_from_both_logs(told):
    (folder,) = (told / "data" / "runs").glob("*-rlhf_rlhb-*")
    config = RunDir(folder).config()
    assert config.parent_version == "RLHF v1"
    assert config.data.from_versions == "all"
    written = {triplet.model_version for triplet in RunDir(folder).triplets()}
    assert written == {"Embedded SFT", "RLHF v1"}


def test_the_report_says_what_the_numbers_are(told):
    page = (told / "report.html").read_text(encoding="utf-8")
    results = json.loads((told / "results.json").read_text(encoding="utf-8"))
    assert "Everything here is simulated" in page
    for numbers in results["arms"].values():
        assert f"{numbers['against_sft']['win_rate']:.3f} [" in page
    written = page[: page.index("<script")]  # what follows is plotly.js with its own texts
    links = re.findall(r'<a href="([^"]+)"', written)
    assert len(links) == len(ARMS)
    for link in links:
        assert (told / link).is_file(), link
    assert not re.search(r'(?:src|href)="https?://', written)


def test_the_export_holds_every_answer_labelled_simulated(told):
    triplets = list(read_jsonl(told / "export" / "triplets.jsonl", Triplet))
    assert len(triplets) == 2 * QUERIES * 3
    assert {triplet.source for triplet in triplets} == {Source.SIMULATED}
    assert all(triplet.person is None for triplet in triplets)
    assert {"copied", "liked"} <= {
        name for t in triplets for name in ("copied", "liked") if getattr(t.behavior_features, name)
    }
    for kind in ("comparisons", "preferences", "labels"):
        assert (told / "export" / f"{kind}.jsonl").stat().st_size > 0


def test_the_store_is_sound_and_a_second_story_overwrites_nothing(told):
    settings = Settings(data_dir=told / "data")
    store = Store.open(settings.database)
    try:
        assert verify(store) == []
    finally:
        store.close()
    from app.demo import _free

    assert _free(told) == told.with_name("demo-2")
