"""Planning, queueing, following and deploying, without training anything: the processes are pretended ones."""

import io
import os
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from rich.console import Console

from app.commands import follow_run
from app.commands.progress import Lines
from app.files import Amounts
from app.runs import Choice, QueueFull, Training, deploying, list_runs, parse_overrides, parse_since
from app.runs.processes import Processes
from app.runs.training import register
from app.settings import Settings
from app.store import Connection, Store, runs, signals, versions
from rlhb_core.errors import BadConfig, NotEnoughData, RunError
from rlhb_core.run.folder import RunDir
from rlhb_core.run.followers import Followers
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.records import ModelVersion, Run, RunStatus, Source
from rlhb_core.verdict.checks import WORDS
from tests.scene import OPENED_MS, act, asked, best, someone

SMALL = {"data.min_triplets": 8, "data.min_comparisons": 8}


class Pretended(Processes):
    """Processes that are only written down."""

    def __init__(self) -> None:
        super().__init__()
        self.living: dict[int, tuple[Path, bool]] = {}

    def spawn(self, folder: Path, *, threads: int, resume: bool, unwatched_s: float) -> int:
        pid = 100 + len(self.living)
        self.living[pid] = (folder, resume)
        (folder / "pid").write_text("999999999")
        return pid

    def alive(self, pid: int, folder: Path) -> bool:
        return pid in self.living

    def end(self, run: Run) -> None:
        assert run.pid is not None
        del self.living[run.pid]


@pytest.fixture
def training(sqlite_store: Store, tmp_path: Path) -> Iterator[Training]:
    with sqlite_store.writing() as connection:
        base = versions.add(connection, ModelVersion(name="SFT", arm=Arm.SFT, base="a-base"))
        versions.deploy(connection, [base.id])
    control = Training(sqlite_store, Settings(data_dir=tmp_path, max_runs=1))
    control._processes = Pretended()
    yield control
    control.close()


def log_some(store: Store, queries: int, source: Source = Source.REAL) -> None:
    """So many queries of one person, three answers each, the second one chosen."""
    with store.writing() as connection:
        person = someone(connection, source)
        for number in range(queries):
            at_ms = OPENED_MS + number
            query, answers = asked(connection, person, f"How many are {number}?", at_ms=at_ms)
            signals.record(
                connection, person.id, [best(query, answers[1])], sent_ms=OPENED_MS + 99_000
            )


def pretended(training: Training) -> Pretended:
    assert isinstance(training._processes, Pretended)
    return training._processes


# --- planning -----------------------------------------------------------------------------------------


def test_too_little_data_is_refused_with_numbers(training: Training) -> None:
    log_some(training.store, 3)
    proposal = training.propose(Choice(arm=Arm.RLHF))
    assert not proposal.enough
    assert proposal.sentence == (
        "9 real triplets and 3 votes from 1 person: too little for RLHF, which needs at least 16 votes. "
        "Ask and react on the Compare page, or let simulated annotators do it: rlhb simulate."
    )
    with pytest.raises(NotEnoughData, match="3 votes from 1 person"):
        training.start(Choice(arm=Arm.RLHF))
    with training.store.reading() as connection:
        assert runs.all(connection) == []


def test_edits_are_learned_from_where_votes_are_few(training: Training) -> None:
    with training.store.writing() as connection:
        person = someone(connection)
        for number in range(16):
            query, (answer, *_) = asked(
                connection, person, f"How many are {number}?", at_ms=OPENED_MS + number
            )
            edit = act("edit", query, answer, text=f"There are {number}.")
            signals.record(connection, person.id, [edit], sent_ms=OPENED_MS + 99_000)
    proposal = training.propose(Choice(arm=Arm.RLHF))
    assert proposal.enough
    assert "48 real triplets and 0 votes from 1 person, and 16 edits: enough" in proposal.sentence
    without = training.propose(Choice(arm=Arm.RLHF, overrides={"data.edits": False}))
    assert not without.enough
    assert "0 votes from 1 person: too little" in without.sentence


def test_the_plan_points_at_data_that_was_not_asked_for(training: Training) -> None:
    log_some(training.store, 5, Source.SIMULATED)
    proposal = training.propose(Choice(arm=Arm.RLHB))
    assert proposal.sentence.endswith(
        "There are 15 simulated ones: tick them above to train on them too."
    )
    wanted = Choice(arm=Arm.RLHB, sources=frozenset(Source), overrides=SMALL)
    found = training.propose(wanted)
    assert found.enough
    assert "imported, real and simulated" in found.sentence
    assert found.amounts.model_dump() == {"triplets": 15, "votes": 5, "people": 1}


def test_only_data_since_a_day_counts(training: Training) -> None:
    log_some(training.store, 10)
    after = Choice(arm=Arm.RLHF, since=date(2026, 1, 1), overrides=SMALL)
    assert training.propose(after).amounts.triplets == 0
    assert "since 1 January 2026" in training.propose(after).sentence
    before = Choice(arm=Arm.RLHF, since=date(2025, 1, 1), overrides=SMALL)
    assert training.propose(before).amounts.triplets == 30


def test_rlhf_rlhb_starts_from_the_newest_rlhf_version(training: Training) -> None:
    log_some(training.store, 10)
    choice = Choice(arm=Arm.RLHF_RLHB, overrides=SMALL)
    assert training.propose(choice).sentence.endswith("there is none yet: train RLHF first")
    with training.store.writing() as connection:
        for name in ("RLHF v1", "RLHF v2"):
            versions.add(
                connection, ModelVersion(name=name, arm=Arm.RLHF, base="a-base", adapter=name)
            )
    proposal = training.propose(choice)
    assert proposal.enough
    assert proposal.config is not None
    assert (proposal.config.parent_version, str(proposal.config.start)) == ("RLHF v2", "RLHF v2")
    assert "enough for RLHF+RLHB, starting from RLHF v2. It is little" in proposal.sentence
    other = Choice(arm=Arm.RLHF_RLHB, parent="SFT", overrides=SMALL)
    assert "cannot start from SFT" in training.propose(other).sentence


def test_a_further_round_knows_on_what_its_start_was_served(training: Training) -> None:
    log_some(training.store, 20)
    liked = "The reader liked it."
    first = ModelVersion(name="RLHB v1", arm=Arm.RLHB, base="a-base", adapter="v1", condition=liked)
    with training.store.writing() as connection:
        versions.add(connection, first)
    config = training.propose(Choice(arm=Arm.RLHB, parent="RLHB v1", overrides=SMALL)).config
    assert config is not None
    assert config.start_condition == liked
    fresh = training.propose(Choice(arm=Arm.RLHB, overrides=SMALL)).config
    assert fresh is not None
    assert fresh.start_condition == ""


def test_a_base_on_which_nothing_could_be_served_is_refused_in_the_plan(
    training: Training, tmp_path: Path
) -> None:
    log_some(training.store, 20)
    folder = tmp_path / "some-opt"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "opt"}')
    with training.store.writing() as connection:
        versions.add(connection, ModelVersion(name="OPT", arm=Arm.SFT, base=str(folder)))
    proposal = training.propose(Choice(arm=Arm.RLHF, parent="OPT", overrides=SMALL))
    assert not proposal.enough
    assert proposal.sentence.startswith(
        "a version trained on some-opt could not be served: this model"
    )


def test_a_run_trains_on_the_base_that_its_parent_stands_on(
    training: Training, tmp_path: Path
) -> None:
    """By the name under which it is stored, "embedded" too: whatever else is decided by it, such as grading,
    finds it.
    """
    log_some(training.store, 20)
    with training.store.writing() as connection:
        for name, base in (("Embedded", "embedded"), ("Path", str(tmp_path))):
            versions.add(connection, ModelVersion(name=name, arm=Arm.SFT, base=base))
    for name, base in (("Embedded", "embedded"), ("Path", str(tmp_path))):
        config = training.propose(Choice(arm=Arm.RLHF, parent=name, overrides=SMALL)).config
        assert config is not None
        assert config.base == base


def test_a_recipe_of_another_arm_is_refused(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_some(training.store, 10)
    proposal = training.propose(Choice(arm=Arm.RLHF, recipe="rlhb", overrides=SMALL))
    assert proposal.sentence == "recipe 'rlhb' trains RLHB, not RLHF"
    with pytest.raises(BadConfig, match="SFT is not trained here; choose RLHF, RLHBC, RLHB"):
        training.propose(Choice(arm=Arm.SFT))
    monkeypatch.setattr("rlhb_core.teachers.preference.find_spec", lambda name: None)
    with pytest.raises(BadConfig, match=r"pip install 'rlhb-studio\[baselines\]'"):
        training.propose(Choice(arm=Arm.DPO))


def test_overrides_as_lines() -> None:
    found = parse_overrides(["ppo.iterations = 40", "", "base=gpt", "ppo.kl=0.1"])
    assert found == {"ppo.iterations": 40, "base": "gpt", "ppo.kl": 0.1}
    with pytest.raises(BadConfig, match="write it like ppo"):
        parse_overrides(["iterations 40"])
    with pytest.raises(BadConfig, match="write it as YYYY-MM-DD"):
        parse_since("yesterday")
    assert parse_since(" 2026-11-01 ") == date(2026, 11, 1)


# --- runs ---------------------------------------------------------------------------------------------


def start(training: Training, arm: Arm = Arm.RLHF) -> Run:
    return training.start(Choice(arm=arm, overrides=SMALL))


def test_a_run_gets_its_data_and_its_settings(training: Training) -> None:
    log_some(training.store, 10)
    run = start(training)
    folder = RunDir(Path(run.folder))
    assert run.status is RunStatus.RUNNING
    assert run.data == "30 real triplets and 10 votes from 1 person"
    assert len(list(folder.triplets())) == 30
    votes = list(folder.comparisons())
    assert [vote.best for vote in votes] == [1] * 10
    assert all(vote.person for vote in votes)  # so that nobody can outweigh the others
    config = folder.config()
    assert (config.source, config.base, config.parent_version) == (Source.REAL, "a-base", "SFT")
    with training.store.reading() as connection:
        assert config.data_until_ms == signals.newest_ms(connection) is not None


def test_one_run_at_a_time_the_others_wait(training: Training) -> None:
    log_some(training.store, 10)
    first, second = start(training), start(training)
    assert (first.status, second.status) == (RunStatus.RUNNING, RunStatus.QUEUED)
    RunDir(Path(first.folder)).fail("it broke")
    pretended(training).end(first)
    training.sync()
    first, second = training.get(first.id), training.get(second.id)
    assert (first.status, first.error, first.pid) == (RunStatus.FAILED, "it broke", None)
    assert second.status is RunStatus.RUNNING


def test_a_run_that_vanished_broke_off_and_can_be_resumed(training: Training) -> None:
    log_some(training.store, 10)
    run = start(training)
    with pytest.raises(RunError, match="only a run that broke off"):
        training.resume(run.id)
    pretended(training).end(run)
    training.sync()
    assert training.get(run.id).status is RunStatus.INTERRUPTED
    again = training.resume(run.id)
    assert again.status is RunStatus.RUNNING
    assert again.pid is not None
    assert pretended(training).living[again.pid] == (Path(run.folder), True)


def test_a_queued_run_stops_at_once(training: Training) -> None:
    log_some(training.store, 10)
    first, second = start(training), start(training)
    assert training.stop(second.id).status is RunStatus.STOPPED
    training.stop(first.id)
    assert RunDir(Path(first.folder)).stop_requested()
    assert training.get(first.id).status is RunStatus.RUNNING  # until it has written its checkpoint
    with pytest.raises(RunError, match="already ended"):
        training.stop(second.id)


def shown(training: Training) -> str:
    with training.store.reading() as connection:
        (view,) = list_runs(connection)
    return view.progress.words if view.progress else ""


def test_a_stop_is_not_lost_while_the_run_starts(training: Training) -> None:
    """From the moment it is queued: before its process begins, while that loads, and after."""
    log_some(training.store, 10)
    run = start(training)
    folder = RunDir(Path(run.folder))
    training.stop(run.id)
    folder.begin()  # the process comes up after the request
    assert folder.stop_requested()
    assert shown(training) == "Loading the model, then stopping"
    folder.stopped()
    assert shown(training) == "Loading the model, then stopping"  # until the store knows
    pretended(training).end(run)
    training.sync()
    stopped = training.get(run.id)
    assert (stopped.status, stopped.error) == (RunStatus.STOPPED, "")
    training.resume(run.id)
    assert not folder.stop_requested()


def test_a_stop_that_meets_the_start_by_another_server_stops_the_run(training: Training) -> None:
    log_some(training.store, 10)
    first, second = start(training), start(training)
    other = Training(training.store, Settings(data_dir=training.settings.data_dir, max_runs=2))
    other._processes = Pretended()
    taken = runs.get

    def and_then_another_server_starts_it(connection: Connection, run_id: UUID) -> Run:
        found = taken(connection, run_id)
        if found.status is RunStatus.QUEUED:  # just read by the one who stops it
            running = found.model_copy(update={"status": RunStatus.RUNNING, "pid": 7})
            runs.update(connection, running, was=RunStatus.QUEUED)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "get", and_then_another_server_starts_it)
        training.stop(second.id)
    assert training.get(second.id).status is RunStatus.RUNNING
    folder = RunDir(Path(second.folder))
    folder.begin()
    assert folder.stop_requested()
    assert first.status is RunStatus.RUNNING


def test_only_so_many_runs_may_wait(training: Training) -> None:
    log_some(training.store, 10)
    training.settings = Settings(data_dir=training.settings.data_dir, max_runs=1, max_queued_runs=2)
    going = start(training)
    waiting = [start(training), start(training)]
    with pytest.raises(QueueFull, match="2 runs wait for their turn already, the most that max_q"):
        start(training)
    training.stop(waiting[0].id)
    again = start(training)
    assert again.status is RunStatus.QUEUED
    with pytest.raises(QueueFull):
        training.resume(waiting[0].id)
    assert len(list(training.settings.runs_dir.iterdir())) == 4  # a refused one leaves no folder
    assert going.status is RunStatus.RUNNING


def test_a_run_is_followed_while_a_server_is_there(training: Training) -> None:
    log_some(training.store, 10)
    run = start(training)
    folder = RunDir(Path(run.folder))
    clock = [0.0]
    followers = Followers(folder, 60 * training.settings.unwatched_run_minutes, lambda: clock[0])
    for _ in range(3):
        clock[0] += 1500
        os.utime(folder.path / "followed", ns=(1, int(clock[0])))
        training.sync()
        assert followers.gone() == ""
    clock[0] += 1801
    why = followers.gone()
    assert why == (
        "stopped because no server or command has followed it for 30 minutes; it can be resumed"
    )
    folder.stopped(why)
    pretended(training).end(run)
    training.sync()  # the next server finds out what happened, and says so
    found = training.get(run.id)
    assert (found.status, found.error) == (RunStatus.STOPPED, why)
    assert training.resume(run.id).error == ""


def test_a_command_that_follows_a_run_says_where_it_stands(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_some(training.store, 10)
    run = start(training)
    folder = RunDir(Path(run.folder))
    out = io.StringIO()
    progress = Lines(Console(file=out, width=200), every=1000)

    def and_so_on() -> Iterator[None]:
        yield
        progress._say()
        folder.write_progress("ppo", 3, 10, 0.25, 61.0)
        yield
        progress._say()
        folder.finish({"verdict": {"word": "improved"}, "condition": None})
        pretended(training).end(run)
        yield

    steps = and_so_on()
    monkeypatch.setattr("app.commands.here.sleep", lambda _: next(steps))
    with progress:
        assert follow_run(training, run, progress).status is RunStatus.DONE
    lines = [line.rpartition(" after ")[0] for line in out.getvalue().splitlines()]
    assert lines == [
        "RLHF: loading the model: 0 of 100",
        "RLHF: ppo 3/10: 25 of 100",
        "RLHF: improved: 100 of 100",
    ]


def test_without_a_limit_nobody_needs_to_follow(tmp_path: Path) -> None:
    clock = [0.0]
    followers = Followers(RunDir(tmp_path), 0, lambda: clock[0])
    clock[0] = 1e9
    assert followers.gone() == ""


def test_a_finished_run_registers_its_version_once(training: Training) -> None:
    log_some(training.store, 10)
    run = start(training)
    folder = RunDir(Path(run.folder))
    folder.finish({"verdict": {"word": "improved"}, "condition": None})
    pretended(training).end(run)
    training.sync()
    other = Training(training.store, training.settings)  # another server on the same store
    other.sync()
    run = training.get(run.id)
    assert (run.status, run.verdict) == (RunStatus.DONE, "improved")
    with training.store.writing() as connection:
        again = register(connection, run)
        stored = [each for each in versions.all(connection) if each.run_id == run.id]
        served = versions.served(connection)
    assert stored == [again]
    assert (again.name, again.arm, again.verdict) == ("RLHF v1", Arm.RLHF, "improved")
    assert (again.base, again.adapter) == ("a-base", str(folder.version))
    assert again.trained_on == "30 real triplets and 10 votes from 1 person"
    assert again.parent_id == run.parent_id
    assert [each.name for each in served] == ["SFT"]  # served only once somebody puts it in


class Slow(Pretended):
    """Starts a process only once the other server has had its chance to start one too."""

    def __init__(self, other: Training) -> None:
        super().__init__()
        self.other = threading.Thread(target=other.sync)

    def spawn(self, folder: Path, *, threads: int, resume: bool, unwatched_s: float) -> int:
        if not self.living:
            self.other.start()
            self.other.join(timeout=0.5)  # it waits for this unit of work, unless it goes wrong
        return super().spawn(folder, threads=threads, resume=resume, unwatched_s=unwatched_s)


def test_two_servers_start_a_queued_run_once(store: Store, tmp_path: Path) -> None:
    with store.writing() as connection:
        waiting = [
            runs.add(connection, Run(arm=Arm.RLHB, recipe="rlhb", folder=str(tmp_path / name)))
            for name in ("first", "second")
        ]
    for run in waiting:
        Path(run.folder).mkdir()
    settings = Settings(data_dir=tmp_path, max_runs=1)
    one, two = Training(store, settings), Training(store, settings)
    one._processes, two._processes = Slow(two), Pretended()
    one.sync()
    one._processes.other.join()
    assert pretended(two).living == {}
    assert len(pretended(one).living) == 1
    with store.reading() as connection:
        found = sorted(run.status for run in runs.all(connection))
    assert found == [RunStatus.QUEUED, RunStatus.RUNNING]  # and not more at a time than allowed


def test_the_log_is_read_on_from_where_one_was(training: Training) -> None:
    log_some(training.store, 10)
    run = start(training)
    assert training.log_tail(run) == ("", 0)
    log = RunDir(Path(run.folder)).log
    log.write_text("one\n")
    text, position = training.log_tail(run)
    assert text == "one\n"
    log.write_text("one\ntwo\n")
    assert training.log_tail(run, position) == ("two\n", 8)
    assert training.log_tail(run, most=4) == ("two\n", 8)


def test_a_person_who_is_erased_leaves_the_data_of_runs_too(training: Training) -> None:
    log_some(training.store, 6)
    log_some(training.store, 6)
    run = start(training)
    folder = RunDir(Path(run.folder))
    people = {triplet.person for triplet in folder.triplets()}
    gone, stays = sorted(filter(None, people))
    training.forget(UUID(gone))
    assert {triplet.person for triplet in folder.triplets()} == {stays}
    assert {vote.person for vote in folder.comparisons()} == {stays}
    assert len(list(folder.triplets())) == 18
    assert sorted(path.name for path in (folder.path / "data").iterdir()) == [
        "comparisons.jsonl",
        "triplets.jsonl",
    ]


def test_a_number_that_passed_to_another_process_is_not_alive(tmp_path: Path) -> None:
    processes = Processes()
    assert not processes.alive(1, tmp_path)  # lives, but works on something else
    assert not processes.alive(2**22 + 1, tmp_path)


# --- deploying ----------------------------------------------------------------------------------------


def names(store: Store) -> list[str]:
    with store.reading() as connection:
        return [version.name for version in versions.served(connection)]


@pytest.fixture
def three(training: Training) -> dict[str, ModelVersion]:
    with training.store.writing() as connection:
        for name, verdict in (("good", "converged"), ("poor", "collapsed")):
            version = ModelVersion(name=name, arm=Arm.RLHB, base="a-base", verdict=verdict)
            versions.add(connection, version)
        return {version.name: version for version in versions.all(connection)}


def test_put_in_take_out_and_go_back(training: Training, three: dict[str, ModelVersion]) -> None:
    store = training.store
    with pytest.raises(deploying.CannotDeploy, match="no other set"):
        deploying.roll_back(store)
    deploying.put_into_compare(store, three["good"].id)
    assert names(store) == ["SFT", "good"]
    with pytest.raises(deploying.CannotDeploy, match="already"):
        deploying.put_into_compare(store, three["good"].id)
    deploying.take_out(store, three["SFT"].id)
    assert names(store) == ["good"]
    with pytest.raises(deploying.CannotDeploy, match="last version"):
        deploying.take_out(store, three["good"].id)
    both = [three["SFT"].id, three["good"].id]
    with pytest.raises(deploying.CannotDeploy, match="changed meanwhile"):
        deploying.roll_back(store, [three["SFT"].id])
    assert names(store) == ["good"]
    deploying.roll_back(store, both)
    assert names(store) == ["SFT", "good"]
    with pytest.raises(deploying.CannotDeploy, match="changed meanwhile"):
        deploying.roll_back(store, both)  # from another tab, which showed the same
    deploying.roll_back(store)
    assert names(store) == ["SFT"]
    with pytest.raises(deploying.CannotDeploy, match="no other set"):
        deploying.roll_back(store)


def test_a_verdict_against_it_needs_a_second_word(
    training: Training, three: dict[str, ModelVersion]
) -> None:
    with pytest.raises(
        deploying.NeedsOverride, match="“collapsed”: The discriminator or the answers"
    ):
        deploying.put_into_compare(training.store, three["poor"].id)
    assert names(training.store) == ["SFT"]
    deploying.put_into_compare(training.store, three["poor"].id, override=True)
    assert names(training.store) == ["SFT", "poor"]


def test_the_verdict_decides_how_a_version_is_offered(training: Training) -> None:
    store = training.store
    kinds = {verdict: deploying.offer(verdict).kind for verdict in WORDS}
    assert kinds == {
        "converged": "free",
        "improved": "free",
        "no gain": "asked",
        "not converged yet": "asked",
        "never discriminated": "withheld",
        "collapsed": "withheld",
        "diverged": "withheld",
        "reward hacked": "withheld",
    }
    assert deploying.offer("") == deploying.Offer("free", "Put into Compare")
    assert deploying.offer("no gain").button == "Put in without a gain"
    for verdict, kind in kinds.items():
        with store.writing() as connection:
            version = ModelVersion(name=verdict, arm=Arm.RLHB, base="a-base", verdict=verdict)
            versions.add(connection, version)
        if kind == "free":
            deploying.put_into_compare(store, version.id)
            continue
        with pytest.raises(deploying.NeedsOverride, match=f"“{verdict}”: {WORDS[verdict][:20]}"):
            deploying.put_into_compare(store, version.id)
        deploying.put_into_compare(store, version.id, override=True)
    assert names(store) == ["SFT", *WORDS]


def test_an_unknown_run_is_named_as_such(training: Training) -> None:
    with pytest.raises(Exception, match="no such run"):
        training.stop(uuid4())


def test_amounts_in_words_know_one_from_many():
    assert (
        Amounts(triplets=4, votes=1, people=1).in_words() == "4 triplets and 1 vote from 1 person"
    )
    many = Amounts(triplets=1, votes=2_140, people=3).in_words("real ")
    assert many == "1 real triplet and 2,140 votes from 3 people"
