"""The reproduction's plan, its runner on tasks that stand in for real ones, and its numbers by hand."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlhb_core.errors import RunError
from rlhb_core.reproduction import command, runner
from rlhb_core.reproduction.command import Minutes, between_arms
from rlhb_core.reproduction.pictures import pictures
from rlhb_core.reproduction.records import (
    left,
    read_seed,
    read_seeds,
    recorded,
    refuse_others,
    write_seed,
)
from rlhb_core.reproduction.results import FINDINGS, as_markdown, interval, results
from rlhb_core.reproduction.tasks import ROUNDS, SHIFT, Log, Measure, RunTask, Task, plan
from rlhb_core.reproduction.work import configuration, do
from rlhb_core.run.folder import RunDir, write_json
from rlhb_core.run.recipe import load_recipe
from rlhb_core.schema.payloads import VoteChoice
from rlhb_core.schema.record import read_jsonl
from rlhb_core.schema.records import Comparison, Source, Triplet
from rlhb_core.world.embedded import version_path

COMMITTED = Path(__file__).parents[2] / "docs" / "reproduction"

# --- the plan -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rehearsal", [False, True])
def test_every_task_comes_after_what_it_needs(rehearsal: bool) -> None:
    done: set[str] = set()
    for task in plan(ablations=True, rehearsal=rehearsal):
        assert done.issuperset(task.needs), task.name
        assert task.name not in done
        done.add(task.name)


def test_every_run_has_settings_that_can_be_used() -> None:
    for task in plan(ablations=True) + plan(ablations=True, rehearsal=True):
        if isinstance(task, RunTask):
            config = load_recipe(task.arm.value, {"start": "x", **task.overrides})
            assert config.arm is task.arm


def test_ablations_change_one_thing_each() -> None:
    runs = [t for t in plan(ablations=True) if isinstance(t, RunTask) and t.group == "ablations"]
    base = runs[0].overrides
    assert all(len(set(run.overrides) - set(base)) <= 1 for run in runs)
    assert len({json.dumps(dict(run.overrides), sort_keys=True) for run in runs}) == len(runs)
    assert not [
        t for t in plan(ablations=False) if isinstance(t, RunTask) and t.group == "ablations"
    ]


# --- the runner -----------------------------------------------------------------------------------


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that write down that they began and ended; those called bad fail with a word."""

    def start(
        folder: Path, seed: int, task: Task, rehearsal: bool, lock: int
    ) -> subprocess.Popen[bytes]:
        code = (
            "import sys, pathlib\n"
            "folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
            "book = (folder / 'book').open('a')\n"
            "print('begin', name, file=book, flush=True)\n"
            "if name.startswith('bad'): sys.exit('too little of everything')\n"
            "(folder / name).mkdir()\n"
            "print('end', name, file=book, flush=True)\n"
            "(folder / name / 'done.json').write_text('{}')\n"
        )
        with (folder / f"{task.name}.err").open("wb") as errors:
            command = [sys.executable, "-c", code, str(folder), task.name]
            return subprocess.Popen(command, stdout=errors, stderr=errors)

    monkeypatch.setattr(runner, "_start", start)
    monkeypatch.setattr(runner, "LOOK_S", 0.02)


def test_tasks_wait_for_what_they_need_and_done_ones_are_left(
    tmp_path: Path, stand_ins: None
) -> None:
    tasks = [Log("a", 1), Log("b", 1, "a"), Log("c", 1), Log("d", 1, "b")]
    assert runner.go_through(tmp_path, 0, tasks, workers=2) == {}
    book = (tmp_path / "book").read_text().splitlines()
    assert book.index("end a") < book.index("begin b") < book.index("end b") < book.index("begin d")
    assert sorted(book) == sorted(f"{word} {name}" for word in ("begin", "end") for name in "abcd")
    assert runner.go_through(tmp_path, 0, tasks, workers=2) == {}
    assert (tmp_path / "book").read_text().splitlines() == book  # nothing was done again


def test_a_failure_takes_along_only_what_needs_it(tmp_path: Path, stand_ins: None) -> None:
    tasks = [Log("bad", 1), Log("b", 1, "bad"), Log("c", 1, "b"), Log("d", 1)]
    failed = runner.go_through(tmp_path, 0, tasks, workers=1)
    assert failed == {
        "bad": "too little of everything",
        "b": "needs bad, which failed",
        "c": "needs b, which failed",
    }
    assert (tmp_path / "d" / "done.json").exists()


def test_a_measure_makes_do_with_what_there_is(tmp_path: Path, stand_ins: None) -> None:
    tasks: list[Task] = [Log("bad", 1), Log("a", 1), Measure("table", ("bad", "a"))]
    assert set(runner.go_through(tmp_path, 0, tasks, workers=2)) == {"bad"}
    book = (tmp_path / "book").read_text().splitlines()
    assert book.index("begin bad") < book.index("begin table")
    assert book.index("end a") < book.index("begin table")


def test_a_seed_is_worked_on_by_one_command_and_ends_with_it(tmp_path: Path) -> None:
    """The log of a whole seed takes a minute: the command is told to end while it is at work."""
    command = [sys.executable, "-c", GO_THROUGH, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        wait_until(lambda: (tmp_path / "log").exists())
        with pytest.raises(RunError, match=f"at work in {tmp_path} already"):
            runner.go_through(tmp_path, 0, [Log("log", 1)], workers=1)
        first.terminate()
        assert first.wait(60) == 128 + signal.SIGTERM
    # nothing holds the lock any more: its task is gone with it
    assert runner.go_through(tmp_path, 0, [], workers=1) == {}
    assert not (tmp_path / "log" / "done.json").exists()


GO_THROUGH = """
import sys
from pathlib import Path
from rlhb_core.reproduction.runner import go_through
from rlhb_core.reproduction.tasks import plan
go_through(Path(sys.argv[1]), 0, plan(ablations=False)[:1], workers=1)
"""


def wait_until(reached: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "not reached"
        time.sleep(0.05)


# --- records --------------------------------------------------------------------------------------


def finish(folder: Path, seed: int, tasks: list[Task]) -> None:
    """Leave behind what done tasks leave behind, with next to nothing in it."""
    for task in tasks:
        place = folder / task.name
        place.mkdir(parents=True)
        if isinstance(task, RunTask):
            run = RunDir(place)
            config = configuration(seed, task, Path("elsewhere") if task.parent else None)
            write_json(place / "config.json", config.model_dump(mode="json"))
            run.finish({"condition": None, "verdict": {}, "evaluation": {}, "samples": [], "evidence": {}})  # fmt: skip
        else:
            write_json(place / "done.json", task._asdict())
            write_json(place / "result.json", {"of": task.name})


def names(tasks: list[Task]) -> list[str]:
    return [task.name for task in tasks]


def whole_record(folder: Path, tasks: list[Task]) -> dict[str, Any]:
    """What `folder` / seed-7.json holds after all tasks of seed 7 are done in `folder` / work."""
    finish(folder / "work", 7, tasks)
    write_seed(folder / "seed-7.json", folder / "work", 7, tasks, 12.0)
    record = read_seed(folder / "seed-7.json", rehearsal=False)
    assert record is not None
    return record


def test_what_is_recorded_is_not_done_again_even_without_its_folder(tmp_path: Path) -> None:
    file, tasks, more = tmp_path / "seed-7.json", plan(ablations=False), plan(ablations=True)
    assert left(None, 7, tasks) == tasks
    record = whole_record(tmp_path, tasks)
    shutil.rmtree(tmp_path / "work")
    assert record["table"] == {"of": "table"}
    assert left(record, 7, tasks) == []
    assert read_seed(file, rehearsal=True) is None
    # ablations need the first log, which is drawn again, and nothing else
    todo = left(record, 7, more)
    assert names(todo) == ["log", *(name for name in names(more) if name.startswith("ablation-"))]
    finish(tmp_path / "work", 7, todo)
    write_seed(file, tmp_path / "work", 7, more, 15.0)
    assert left(read_seed(file, rehearsal=False), 7, more) == []


def test_what_was_made_otherwise_is_done_again_with_all_that_follows_from_it(
    tmp_path: Path,
) -> None:
    tasks = plan(ablations=False)
    record = whole_record(tmp_path, tasks)
    record["runs"]["rlhb-2"]["made"]["settings"]["ppo"]["kl"] = 0.5
    todo = names(left(record, 7, tasks))
    assert "rlhb-3" in todo  # it starts from it
    assert "rlhb" in todo  # its version is needed to start from
    assert not {"rlhf", "control-2", "table"} & set(todo)
    record["runs"]["rlhf"]["made"]["log"]["queries"] = 1
    todo = names(left(record, 7, tasks))
    assert {"rlhf", "rlhf_rlhb", "table", "temperatures"} <= set(todo)
    assert "control-2" not in todo
    assert recorded(record, 8, tasks) == {"log"}  # nothing of another seed counts


def test_a_record_from_before_a_setting_existed_counts_if_its_default_is_used(
    tmp_path: Path,
) -> None:
    tasks = plan(ablations=False)
    record = whole_record(tmp_path, tasks)
    for run in record["runs"].values():
        del run["made"]["settings"]["data"]["preferred_share"]
    # after the shift it is another one
    assert {"rlhb-3", "rlhf_rlhb", "table"} <= recorded(record, 7, tasks)
    assert not {"shift-1", "shift-2"} & recorded(record, 7, tasks)
    record["runs"]["kto"]["made"]["settings"]["of_old"] = 1  # what this version does not know
    assert "kto" not in recorded(record, 7, tasks)


def test_a_record_from_before_a_setting_was_retired_counts_if_it_had_the_value_of_now(
    tmp_path: Path,
) -> None:
    tasks = plan(ablations=False)
    record = whole_record(tmp_path, tasks)
    for run in record["runs"].values():
        run["made"]["settings"]["ppo"]["gamma"] = 1.0
    assert left(record, 7, tasks) == []
    record["runs"]["kto"]["made"]["settings"]["ppo"]["gamma"] = 0.9
    assert "kto" not in recorded(record, 7, tasks)


def test_a_folder_made_with_another_value_of_a_retired_setting_is_refused(tmp_path: Path) -> None:
    tasks = plan(ablations=False)
    finish(tmp_path, 7, tasks)
    file = tmp_path / "rlhf" / "config.json"
    settings = json.loads(file.read_text("utf-8"))
    for gamma in (1.0, 0.9):
        write_json(file, settings | {"ppo": settings["ppo"] | {"gamma": gamma}})
        if gamma == 1.0:
            refuse_others(tmp_path, 7, tasks)
    with pytest.raises(RunError, match="other settings than this version has: remove"):
        refuse_others(tmp_path, 7, tasks)


def test_a_record_keeps_nothing_that_is_out_of_date(tmp_path: Path) -> None:
    file, tasks = tmp_path / "seed-7.json", plan(ablations=False)
    old = whole_record(tmp_path, tasks)
    old["runs"]["rlhf"]["made"]["settings"]["ppo"]["kl"] = 0.5
    file.write_text(json.dumps(old))
    write_seed(file, tmp_path / "nowhere", 7, tasks, 12.0)
    new = json.loads(file.read_text())
    assert set(old["runs"]) - set(new["runs"]) == {"rlhf", "rlhf_rlhb", "rlhf_rlhbc"}
    assert "table" not in new


def test_the_command_does_what_is_left_and_drops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def go_through(folder: Path, seed: int, tasks: list[Task], *_: Any, **__: Any) -> Any:
        asked.append(names(tasks))
        finish(folder, seed, tasks)
        return {}

    monkeypatch.setattr(command, "go_through", go_through)
    monkeypatch.setattr(command, "write_report", lambda *_, **__: tmp_path / "report.html")

    def reproduce(work: str, ablation_seeds: int) -> dict[str, Any]:
        command.reproduce(tmp_path, tmp_path / work, [7], ablation_seeds=ablation_seeds)
        return read_seed(tmp_path / "seeds" / "seed-7.json", rehearsal=False) or {}

    first = reproduce("one", 1)
    assert asked == [names(plan(ablations=True))]
    reproduce("one", 1)
    assert len(asked) == 1
    del first["runs"]["kto"]
    (tmp_path / "seeds" / "seed-7.json").write_text(json.dumps(first))
    again = reproduce("two", 0)
    assert asked[1][0] == "log"
    assert {"kto", "table"} <= set(asked[1])
    assert again["runs"].keys() >= {"kto", "ablation-base"}  # ablations were not asked for today


def test_a_folder_of_other_settings_is_refused(tmp_path: Path) -> None:
    tasks = plan(ablations=False)
    refuse_others(tmp_path, 7, tasks)
    finish(tmp_path, 7, tasks)
    refuse_others(tmp_path, 7, tasks)
    with pytest.raises(RunError, match="other settings than this version has: remove"):
        refuse_others(tmp_path, 8, tasks)
    small = plan(ablations=False, rehearsal=True)
    with pytest.raises(RunError, match=f"{tmp_path / 'log'} was made with other settings"):
        refuse_others(tmp_path, 7, small)


def test_minutes_go_on_after_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "minutes").write_text("12.5")
    clock = Minutes(tmp_path)
    clock.note()
    assert 12.5 <= clock.total < 12.6
    assert float((tmp_path / "minutes").read_text()) >= 12.5
    assert 12.5 <= Minutes(tmp_path, recorded=90).total < 12.6
    (tmp_path / "minutes").unlink()
    assert Minutes(tmp_path, recorded=90).total >= 90


def test_minutes_are_noted_with_every_task_that_is_done(tmp_path: Path, stand_ins: None) -> None:
    """A machine that is switched off leaves no other moment."""
    noted: list[int] = []

    def note() -> None:
        noted.append(len(list(tmp_path.glob("*/done.json"))))

    tasks = [Log("a", 1), Log("b", 1, "a"), Log("bad", 1, "b")]
    runner.go_through(tmp_path, 0, tasks, workers=1, on_done=note)
    assert noted == [1, 2]


def test_further_logs_hold_answers_of_sft_beside_those_of_the_version(tmp_path: Path) -> None:
    (tmp_path / "rlhb").mkdir()
    (tmp_path / "rlhb" / "version").symlink_to(version_path("rlhb"))
    do(tmp_path, 0, Log("first", 4))
    do(tmp_path, 0, Log("further", 4, "rlhb"))
    first, further = (
        Counter(
            row.model_version for row in read_jsonl(tmp_path / name / "triplets.jsonl", Triplet)
        )
        for name in ("first", "further")
    )
    assert first == {"SFT": 12}
    assert further == {"SFT": 4, "rlhb": 8}


# --- the numbers ----------------------------------------------------------------------------------


def test_an_interval_over_seeds_by_hand() -> None:
    # mean 0.8, standard deviation 0.02, standard error 0.02 / sqrt 3, t of two degrees of freedom 4.303
    low, high = interval([0.78, 0.80, 0.82]) or (0.0, 0.0)
    assert low == pytest.approx(0.8 - 4.303 * 0.02 / 3**0.5)
    assert high == pytest.approx(0.8 + 4.303 * 0.02 / 3**0.5)
    assert interval([0.8]) is None


def record(rate: float, rounds: tuple[float, ...] = (0.5, 0.9, 1.2)) -> dict[str, Any]:
    def run(utility: float) -> dict[str, Any]:
        served = {"utility": utility, "against_sft": {"win_rate": rate}}
        return {"evaluation": {"sft": {"utility": -0.2}, "conditions": {"served": served}}}

    names = ("rlhb", "rlhb-2", "rlhb-3")
    return {"runs": {name: run(value) for name, value in zip(names, rounds, strict=True)},
            "shifted_taste": {"sft": -0.7, "shift-2": 0.49}}  # fmt: skip


def test_numbers_say_whether_they_meet_their_bar_in_every_seed() -> None:
    found = results([record(0.76), record(0.80), record(0.74)])
    assert found["win_rlhb_sft"]["seeds"] == [0.76, 0.80, 0.74]
    assert found["win_rlhb_sft"]["mean"] == pytest.approx(0.7667, abs=1e-4)
    assert not found["win_rlhb_sft"]["met"]  # 0.74 is below 0.75
    assert results([record(0.76), record(0.80)])["win_rlhb_sft"]["met"]
    assert "win_rlhf_sft" not in found  # not measured is not there, rather than a number
    assert {finding.name for finding in FINDINGS} | {"utility_by_round"} >= set(found)


def test_rounds_have_to_rise_and_recovery_is_a_share_of_the_gain() -> None:
    rising, falling = record(0.8), record(0.8, (0.5, 0.4, 0.9))
    found = results([rising])
    rise = found["utility_rise_by_round"]
    assert rise["seeds"] == pytest.approx([0.3])  # the smallest of 0.7, 0.4, 0.3
    assert rise["met"]
    assert found["utility_by_round"]["seeds"] == [[-0.2, 0.5, 0.9, 1.2]]
    assert found["utility_by_round"]["interval"] is None
    fallen = results([rising, falling])
    assert not fallen["utility_rise_by_round"]["met"]
    assert fallen["utility_by_round"]["mean"] == pytest.approx([-0.2, 0.5, 0.65, 1.05])
    # 1.4 gained before the shift; under the new taste 0.49 + 0.7 = 1.19 are back
    assert found["recovery_after_shift"]["seeds"] == pytest.approx([0.85])


def test_the_committed_numbers_are_those_of_the_committed_seeds() -> None:
    written = json.loads((COMMITTED / "results.json").read_text(encoding="utf-8"))
    found = results(read_seeds(COMMITTED / "seeds"))
    assert written == json.loads(json.dumps(found))
    assert (COMMITTED / "numbers.md").read_text(encoding="utf-8") == as_markdown(found)


def test_the_table_of_numbers_says_what_is_met_and_what_was_not_measured() -> None:
    table = as_markdown(results([record(0.76), record(0.74)]))
    row = next(line for line in table.splitlines() if line.startswith("| `win_rlhb_sft` |"))
    # the mean of 0.76 and 0.74, plus and minus 12.706 standard errors of 0.01
    assert "| 0.750 [0.623, 0.877] | 0.760, 0.740 | at least 0.75 in every seed | not met |" in row
    assert "| `rm_accuracy` |" in table
    assert "| not measured |  | at least 0.78 |  |" in table


NEEDS = {
    "rm_accuracy": {"rlhf"},
    "win_rlhf_sft": {"rlhf"},
    "win_rlhb_sft": {"rlhb"},
    "win_rlhb_sft_round2": {"rlhb-2"},
    "win_rlhb_warmup": {"rlhb"},
    "win_rlhfrlhb_rlhf": {"rlhf_rlhb"},
    "utility_preferred_minus_least": {"rlhb"},
    "d_real_end": {"rlhb"},
    "d_fake_end": {"rlhb"},
    "d_power": {"rlhb"},
    "fresh_judge_sft": {"rlhb"},
    "fresh_judge_start": {"rlhb"},
    "fresh_judge_end": {"rlhb"},
    "utility_by_round": {*ROUNDS},
    "recovery_after_shift": {*ROUNDS, *SHIFT},
}
"""The numbers that the reproduction promises, and the runs that each is read from."""


@pytest.mark.parametrize("name", NEEDS)
def test_a_number_is_there_for_every_seed_that_has_its_runs(name: str) -> None:
    """A number that a record holds in another place than it is looked for would be missing without a word."""
    seeds = read_seeds(COMMITTED / "seeds")
    having = [seed for seed in seeds if seed["runs"].keys() >= NEEDS[name]]
    found = results(seeds).get(name)
    assert len(found["seeds"] if found else []) == len(having)
    assert name in {finding.name for finding in FINDINGS} | {"utility_by_round"}


def test_ablations_are_drawn_by_worth_and_by_confusion() -> None:
    def run(name: str, rate: float, judges: list[float]) -> dict[str, Any]:
        served = {"against_sft": {"win_rate": rate, "interval": [rate - 0.03, rate + 0.03]}}
        after = {"words": 0.5, "projection": sum(judges) / 2,
                 "seeds": {"words": [0.5, 0.5], "projection": judges}}  # fmt: skip
        return {"group": "ablations", "sentence": name, "evidence": {"judges": {"after": after}},
                "evaluation": {"conditions": {"served": served}}}  # fmt: skip

    seeds: Any = [
        {"runs": {"ablation-a": run("one", 0.7, [0.60, 0.64]), "ablation-b": run("other", 0.6, [0.56, 0.58])}},
        {"runs": {"ablation-a": run("one", 0.8, [0.64, 0.64])}},
    ]  # fmt: skip
    drawn = {figure.name: figure.figure.data[0] for figure in pictures(seeds)}
    worth, confusion = drawn["ablations"], drawn["ablations-judges"]
    assert dict(zip(worth.y, worth.x, strict=True)) == pytest.approx({"one": 0.75, "other": 0.6})
    assert list(worth.error_x.array) == pytest.approx([0.03, 0.03])
    assert dict(zip(confusion.y, confusion.x, strict=True)) == pytest.approx(
        {"one": 0.63, "other": 0.57}
    )
    assert list(confusion.error_x.array) == pytest.approx([0.01, 0.01])


# --- votes of people ------------------------------------------------------------------------------


def vote(versions: list[str], best: int | None, source: Source = Source.REAL) -> Comparison:
    choice = VoteChoice.TIE if best is None else VoteChoice.BEST
    answers = [f"Answer {i}." for i in range(len(versions))]
    return Comparison.model_validate(
        {
            "query_id": "00000000-0000-4000-8000-000000000000",
            "query": "Query?",
            "responses": answers,
            "model_versions": versions,
            "choice": choice,
            "best": best,
            "source": source,
            "voted_at": "2026-11-21T00:00:00+00:00",
        }
    )


def test_votes_of_people_between_versions_by_hand() -> None:
    found = between_arms(
        [
            vote(
                ["RLHB", "RLHF", "SFT"], 0
            ),  # over RLHF and over SFT; of RLHF and SFT nothing is known
            vote(["SFT", "RLHB"], 0),
            vote(["SFT", "RLHB"], None),
            vote(["SFT", "RLHB"], 1, Source.SIMULATED),
            vote(["SFT", "RLHB"], 1).model_copy(update={"unblinded": True}),
        ]
    )
    assert set(found) == {"RLHB against RLHF", "RLHB against SFT"}
    against_sft = found["RLHB against SFT"]
    assert (against_sft["n"], against_sft["win_rate"]) == (3, 0.5)  # won, lost, tied
    assert found["RLHB against RLHF"]["win"] == 1.0


def test_versions_that_gave_the_chosen_answer_alike_are_tied() -> None:
    found = between_arms([vote(["DPO = KTO", "ORPO"], 0), vote(["DPO = KTO", "ORPO"], 1)])
    assert {names: (one["n"], one["win_rate"]) for names, one in found.items()} == {
        "DPO against KTO": (1, 0.5),
        "DPO against ORPO": (2, 0.5),
        "KTO against ORPO": (2, 0.5),
    }
