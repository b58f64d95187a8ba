"""The store keeps its promises, on SQLite and on Postgres."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import orjson
import pytest
import sqlalchemy as sa

from app.store import (
    BadSignals,
    Conflict,
    Store,
    StoreError,
    UnknownReference,
    behaviors,
    people,
    queries,
    responses,
    runs,
    signals,
    summary,
    verify,
    versions,
)
from app.store.tables import BEHAVIOR, PERSON, QUERY, RESPONSE, SIGNAL
from rlhb_core.schema.arms import Arm
from rlhb_core.schema.features import BehaviorFeatures
from rlhb_core.schema.reading import Reading, summarise_person
from rlhb_core.schema.records import (
    ModelVersion,
    Outcome,
    Person,
    Query,
    Response,
    Run,
    RunStatus,
    Source,
)
from rlhb_core.schema.signals import Signal, SignalKind
from tests.conftest import Postgres
from tests.scene import OPENED_MS, act, asked, best, someone, version


def rows(store: Store, table: sa.Table) -> int:
    with store.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


# --- units of work --------------------------------------------------------------------------------


def test_a_unit_of_work_is_all_or_nothing(store: Store):
    def fail() -> None:
        with store.writing() as connection:
            someone(connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert rows(store, PERSON) == 0
    with store.writing() as connection:  # and the next one is not held up
        someone(connection)
    assert rows(store, PERSON) == 1


def test_a_reading_unit_of_work_cannot_write(store: Store):
    with store.writing() as connection:
        person = someone(connection)
    with pytest.raises(sa.exc.DBAPIError), store.reading() as connection:
        people.rename(connection, person.id, "x")
    with store.writing() as connection:
        assert people.rename(connection, person.id, "y").display_name == "y"


def test_reading_does_not_wait_for_a_writer(store: Store):
    with store.writing() as connection:
        someone(connection)
        with store.reading() as other:
            assert summary.by_source(other)[Source.REAL].queries == 0


def test_many_writers_at_once_lose_nothing(store: Store):
    def write(_: int) -> None:
        with store.writing() as connection:
            someone(connection)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    assert rows(store, PERSON) == 80


def test_foreign_keys_are_enforced(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, _ = asked(connection, person)
    with pytest.raises(UnknownReference), store.writing() as connection:
        responses.add(
            connection,
            Response(query_id=query.id, version_id=uuid4(), position=0, draw_probability=1),
        )
    with pytest.raises(sa.exc.IntegrityError), store.writing() as connection:
        connection.execute(sa.delete(QUERY))


def test_what_leaves_the_store_is_a_record_without_the_databases_own_columns(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, answers = asked(connection, person)
        assert type(people.get(connection, person.id)) is Person
        assert queries.get(connection, query.id) == query
        assert list(responses.of_query(connection, query.id)) == answers


def test_a_character_that_postgres_cannot_hold_is_replaced(store: Store):
    with store.writing() as connection:
        query, (answer,) = asked(connection, someone(connection), "nul \x00", ("an\x00swer",))
        assert queries.get(connection, query.id).text == "nul \ufffd"
        assert responses.get(connection, answer.id).text == "an\ufffdswer"


# --- the nouns ------------------------------------------------------------------------------------


def test_a_query_id_is_taken_once(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query = queries.add(connection, Query(person_id=person.id, text="first"))
        assert queries.add(connection, query) == query
        with pytest.raises(Conflict):
            queries.add(connection, query.model_copy(update={"text": "second"}))
        with pytest.raises(UnknownReference):
            queries.add(connection, Query(person_id=uuid4(), text="from nobody"))


def test_the_latest_query_and_the_progress_of_a_person(store: Store):
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        first, (a, *_) = asked(connection, person, at_ms=OPENED_MS)
        second, (b, *_) = asked(connection, person, at_ms=OPENED_MS + 10)
        asked(connection, other, at_ms=OPENED_MS + 20)
        assert queries.latest_of(connection, person.id) == second
        assert queries.latest_of(connection, uuid4()) is None
        signals.record(connection, person.id, [best(first, a), best(second, b)])
        assert queries.counts(connection, person.id) == (2, 2)
        undone = act("vote", second, after_ms=61_000, choice="withdrawn")
        signals.record(connection, person.id, [undone])
        assert queries.counts(connection, person.id) == (2, 1)


def test_versions_are_served_taken_out_and_rolled_back(store: Store):
    with store.writing() as connection:
        assert versions.served(connection) == []
        sft = version(connection, "SFT")
        rlhb = version(connection, "RLHB v1", Arm.RLHB)
        versions.deploy(connection, [sft.id, rlhb.id], "both")
        assert versions.served(connection) == [sft, rlhb]
        versions.deploy(connection, [sft.id])
        assert versions.served(connection) == [sft]
        versions.deploy(connection, versions.deployments(connection)[0].served, "back")
        assert versions.served(connection) == [sft, rlhb]
        assert len(versions.deployments(connection)) == 3
        with pytest.raises(UnknownReference):
            versions.deploy(connection, [uuid4()])
        with pytest.raises(Conflict):
            versions.add(connection, ModelVersion(name="SFT", arm=Arm.SFT, base="x"))


def test_a_run_and_the_version_it_leaves_name_each_other(store: Store):
    with store.writing() as connection:
        base = version(connection)
        run = runs.add(connection, Run(arm=Arm.RLHB, recipe="rlhb", folder="f", parent_id=base.id))
        child = ModelVersion(
            name="RLHB v1", arm=Arm.RLHB, base="embedded", parent_id=base.id, run_id=run.id
        )
        versions.add(connection, child)
        done = run.model_copy(update={"status": RunStatus.DONE, "pid": 7})
        assert runs.update(connection, done, was=RunStatus.QUEUED)
        assert not runs.update(connection, run, was=RunStatus.QUEUED)  # somebody else was quicker
        assert runs.get(connection, run.id) == done
        assert runs.all(connection) == [done]


# --- signals --------------------------------------------------------------------------------------


def test_a_retry_is_no_second_act(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        batch = [act("like", query, a), act("dwell", query, b, ms=3_000), best(query, a)]
        now = OPENED_MS + 60_000
        assert signals.record(connection, person.id, batch, sent_ms=now, received_ms=now + 5) == 3
        assert (
            signals.record(connection, person.id, batch, sent_ms=now + 9, received_ms=now + 90) == 0
        )
        assert signals.record(connection, person.id, [*batch, act("copy", query, a, chars=4)]) == 1
        assert len(signals.of_query(connection, query.id)) == 4


def test_the_same_signal_twice_in_one_batch_counts_once(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
        like = act("like", query, a)
        assert signals.record(connection, person.id, [like, like]) == 1


def test_another_act_under_a_known_id_is_refused(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
        like = act("like", query, a)
        signals.record(connection, person.id, [like])
    changed = like.model_copy(update={"payload": {"on": False}})
    for forged in (changed, like.model_copy(update={"response_id": b.id})):
        with pytest.raises(BadSignals, match="already taken"), store.writing() as connection:
            signals.record(connection, person.id, [act("share", query, a), forged])
    assert rows(store, SIGNAL) == 1, "nothing of a refused batch is stored"


def test_two_different_acts_under_one_id_in_one_batch_are_refused(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, b, _) = asked(connection, person)
    like = act("like", query, a)
    with pytest.raises(BadSignals, match="already taken"), store.writing() as connection:
        signals.record(connection, person.id, [like, like.model_copy(update={"response_id": b.id})])
    assert rows(store, SIGNAL) == 0


def test_signals_about_what_is_not_ones_own_are_refused_one_by_one(store: Store):
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        mine, (a, *_) = asked(connection, person)
        theirs, (b, *_) = asked(connection, other)
    batch = [
        act("like", mine, a),
        act("like", theirs, b),  # not my query
        act("like", mine, b),  # a response to another query
        best(mine, b),
        act("rank", mine, order=[[str(a.id)], [str(b.id)]]),
        act("follow_up", mine, to_query=str(theirs.id)),
        act("like", mine.model_copy(update={"id": uuid4()}), a),
        best(mine, a),
    ]
    with pytest.raises(BadSignals) as refused, store.writing() as connection:
        signals.record(connection, person.id, batch)
    assert [refusal.index for refusal in refused.value.refusals] == [1, 2, 3, 4, 5, 6]
    assert [refusal.id for refusal in refused.value.refusals] == [s.id for s in batch[1:7]]
    with pytest.raises(BadSignals), store.writing() as connection:
        signals.record(connection, uuid4(), batch[:1])
    assert rows(store, SIGNAL) == 0


def test_malformed_signals_are_refused_and_nothing_is_stored(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
    batch = [act("like", query, a), act("dwell", query, a, ms=-1), act("dwell", query, a, ms=1e9)]
    with pytest.raises(BadSignals) as refused, store.writing() as connection:
        signals.record(connection, person.id, batch)
    assert [refusal.index for refusal in refused.value.refusals] == [1, 2]
    assert rows(store, SIGNAL) == 0


def test_a_wrong_clock_is_set_right(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
        like = act("like", query, a)  # happened one minute before it was sent
        sent, received = like.at_ms + 60_000, OPENED_MS + 500_000_000
        signals.record(connection, person.id, [like], sent_ms=sent, received_ms=received)
        (stored,) = signals.of_query(connection, query.id)
        assert stored.at_ms == received - 60_000
        assert stored.at_ms - stored.page_opened_ms == like.at_ms - like.page_opened_ms


def test_while_paused_only_explicit_acts_are_stored(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        before, _ = asked(connection, person, "before")
        query, (a, *_) = asked(connection, person, "during")
        people.set_recording(connection, person.id, False)
        acts = [
            act("shown", query, a, position=0),
            act("dwell", query, a, ms=100),
            act("scroll", query, a, depth=0.5),
            act("select", query, a, chars=3),
            act("copy", query, a, chars=3),
            act("abandon", query),
            act("like", query, a),
            best(query, a),
        ]
        assert signals.record(connection, person.id, acts) == 2
        assert {s.kind for s in signals.of_query(connection, query.id)} == {"like", "vote"}
        unheard, _ = asked(connection, person, "asked while paused")
        found = connection.execute(sa.select(QUERY.c.id, QUERY.c.recorded))
        marks = {row.id: row.recorded for row in found}
        assert marks == {before.id: True, query.id: False, unheard.id: False}


def test_the_same_signals_from_many_threads_are_stored_once(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
    batch = [act("copy", query, a, chars=n) for n in range(20)]
    start = threading.Barrier(6)
    new: list[int] = []

    def send() -> None:
        start.wait()
        with store.writing() as connection:
            new.append(signals.record(connection, person.id, batch))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == 20
    assert rows(store, SIGNAL) == 20


# --- behaviours -----------------------------------------------------------------------------------


def features(store: Store) -> dict[Any, BehaviorFeatures]:
    with store.reading() as connection:
        found = connection.execute(sa.select(BEHAVIOR.c.response_id, BEHAVIOR.c.features))
        return {key: BehaviorFeatures.model_validate_json(text) for key, text in found}


def test_behaviours_are_what_the_core_makes_of_the_signals(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        first, (a, b, c) = asked(connection, person)
        second, (d, *_) = asked(connection, person, "Another", at_ms=OPENED_MS + 5_000)
        batch = [
            act("dwell", first, a, ms=2_000),
            act("dwell", first, b, ms=9_000),
            act("dwell", second, d, ms=30_000),
            best(first, b),
        ]
        signals.record(connection, person.id, batch)
    assert behaviors.refresh(store) == 1
    readings = [Reading(r.id, len(r.text), batch[:2] + batch[3:], 3) for r in (a, b, c)]
    readings += [
        Reading(response_id, chars, batch[2:3], 3)
        for response_id, chars in ((d.id, 4), (uuid4(), 38), (uuid4(), 5))
    ]
    expected = summarise_person(readings)
    found = features(store)
    assert len(found) == 6
    assert [found[r.id] for r in (a, b, c, d)] == expected[:4]
    assert found[b.id].vote == "won"
    assert found[b.id].dwell_z is not None


def test_only_those_who_changed_are_summarised_again(store: Store):
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        query, (a, *_) = asked(connection, person)
        asked(connection, other)
    assert behaviors.refresh(store) == 2
    assert behaviors.refresh(store) == 0
    with store.writing() as connection:
        signals.record(connection, person.id, [act("like", query, a)])
    assert behaviors.refresh(store) == 1
    assert features(store)[a.id].liked
    with store.writing() as connection:
        signals.record(connection, person.id, [act("like", query, a, 61_000, on=False)])
    behaviors.refresh(store)
    assert not features(store)[a.id].liked


def test_a_new_version_of_the_rules_summarises_everyone_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    with store.writing() as connection:
        asked(connection, someone(connection))
    behaviors.refresh(store)
    monkeypatch.setattr(behaviors, "VERBALISER_VERSION", 99)
    assert behaviors.refresh(store) == 1
    with store.reading() as connection:
        found = connection.execute(sa.select(BEHAVIOR.c.verbaliser_version)).scalars().all()
    assert set(found) == {99}


def test_pending_responses_have_no_behaviour_until_they_end(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        query, _ = asked(connection, person, answers=())
        drawn = Response(
            query_id=query.id, version_id=version(connection).id, position=0, draw_probability=1
        )
        responses.add(connection, drawn)
    behaviors.refresh(store)
    assert features(store) == {}
    with store.writing() as connection:
        assert responses.give_up_pending(connection, "the server was stopped", alone=True) == 1
        assert responses.get(connection, drawn.id).outcome is Outcome.STOPPED
    behaviors.refresh(store)
    assert features(store) == {drawn.id: BehaviorFeatures()}


def test_what_nobody_can_be_writing_is_given_up_beside_other_servers_too(store: Store):
    with store.writing() as connection:
        query, _ = asked(connection, someone(connection), answers=())
        fields = {"query_id": query.id, "version_id": version(connection).id, "draw_probability": 1}
        old = responses.add(connection, Response(**fields, position=0, created_ms=OPENED_MS))
        new = responses.add(connection, Response(**fields, position=1))
        assert responses.give_up_pending(connection, "the server was stopped", alone=False) == 1
        assert responses.get(connection, old.id).outcome is Outcome.STOPPED
        assert responses.get(connection, new.id).outcome is Outcome.PENDING


def test_a_server_can_tell_whether_it_is_alone(store: Store):
    address = store.engine.url.render_as_string(hide_password=False)
    first, second, third = (Store.open(address) for _ in range(3))
    assert first.serve()
    assert first.serve()
    assert not second.serve()
    first.close()
    assert not third.serve()
    second.close()
    third.close()
    assert store.serve()


def test_a_place_that_the_database_has_lost_is_given_back_without_a_word(postgres: Postgres):
    opened = Store.open(postgres.new_store())
    opened.serve()
    with opened.writing() as connection:
        others = sa.text("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        for pid in connection.execute(others).scalars().all():
            connection.execute(sa.select(sa.func.pg_terminate_backend(pid)))
    opened.close()


def test_signals_recorded_while_behaviours_are_summarised_are_not_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    with store.writing() as connection:
        person = someone(connection)
        query, (a, *_) = asked(connection, person)
    real = summarise_person

    def and_meanwhile(readings):
        with store.writing() as connection:
            signals.record(connection, person.id, [act("like", query, a)])
        monkeypatch.setattr(behaviors, "summarise_person", real)
        return real(readings)

    monkeypatch.setattr(behaviors, "summarise_person", and_meanwhile)
    behaviors.refresh(store)
    assert not features(store)[a.id].liked
    assert behaviors.refresh(store) == 1
    assert features(store)[a.id].liked


# --- people's own data ----------------------------------------------------------------------------


def test_a_person_takes_everything_along_and_is_forgotten(store: Store):
    with store.writing() as connection:
        person, other = someone(connection), someone(connection)
        query, (a, b, c) = asked(connection, person)
        again = Response(
            query_id=query.id,
            version_id=a.version_id,
            position=0,
            draw_probability=1,
            replaces=a.id,
            outcome=Outcome.OK,
        )
        responses.add(connection, again)
        signals.record(connection, person.id, [act("like", query, a), best(query, b)])
        kept, (d, *_) = asked(connection, other)
        signals.record(connection, other.id, [act("like", kept, d)])
    behaviors.refresh(store)
    lines = [
        orjson.loads(line) for line in b"".join(people.export_all(store, person.id)).splitlines()
    ]
    kinds = [line.pop("type") for line in lines]
    assert kinds == ["person", "query"] + ["response"] * 4 + ["signal"] * 2
    assert {line["id"] for line in lines} >= {str(r.id) for r in (a, b, c, again)}
    with store.writing() as connection:
        people.erase(connection, person.id)
        people.erase(connection, person.id)
    assert b"".join(people.export_all(store, person.id)) == b""
    assert (rows(store, PERSON), rows(store, QUERY), rows(store, RESPONSE)) == (1, 1, 3)
    assert (rows(store, SIGNAL), rows(store, BEHAVIOR)) == (1, 3)
    assert verify(store) == []


def test_own_data_do_not_tell_which_answer_was_there_first(store: Store):
    with store.writing() as connection:
        person = someone(connection)
        _, (first, *_) = asked(connection, person)
        responses.finish(
            connection, first.model_copy(update={"outcome": Outcome.PENDING, "text": ""})
        )

    def told() -> list[str]:
        lines = b"".join(people.export_all(store, person.id)).splitlines()
        return [orjson.loads(line)["type"] for line in lines]

    assert "response" not in told()
    with store.writing() as connection:
        responses.finish(connection, first)
    assert told().count("response") == 3


def test_someone_erased_while_being_summarised_stays_erased(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    with store.writing() as connection:
        person = someone(connection)
        asked(connection, person)
    real = summarise_person

    def and_meanwhile(readings):
        with store.writing() as connection:
            people.erase(connection, person.id)
        return real(readings)

    monkeypatch.setattr(behaviors, "summarise_person", and_meanwhile)
    behaviors.refresh(store)
    assert rows(store, BEHAVIOR) == 0


def test_counts_by_source(store: Store):
    with store.writing() as connection:
        person, robot = someone(connection), someone(connection, Source.SIMULATED)
        query, (a, *_) = asked(connection, person)
        asked(connection, robot)
        asked(connection, robot)
        signals.record(connection, person.id, [act("like", query, a), best(query, a)])
        found = summary.by_source(connection)
    real = found[Source.REAL]
    assert (real.people, real.queries, real.responses, real.signals, real.votes) == (1, 1, 3, 2, 1)
    assert (found[Source.SIMULATED].people, found[Source.SIMULATED].queries) == (1, 2)
    assert found[Source.IMPORTED].last_ms is None


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:geheim@127.0.0.1:1/none",
        "postgres://someone:geheim@127.0.0.1:1/none",
        "mysql://someone:geheim@127.0.0.1/none",
        "sqlite://",
        "nonsense geheim",
    ],
)
def test_an_address_that_cannot_be_used_is_a_sentence_without_the_password(url: str):
    with pytest.raises(StoreError) as error:
        Store.open(url)
    told = f"{error.value!r} {error.value.__cause__!r}"
    assert "geheim" not in told
    assert "postgres" in told.lower() or "sqlite" in told.lower()


def test_errors_of_the_database_do_not_repeat_what_people_wrote(store: Store):
    with pytest.raises(sa.exc.DBAPIError) as error, store.writing() as connection:
        connection.execute(sa.insert(QUERY).values(id=uuid4(), person_id=uuid4(), text="a secret"))
    assert "a secret" not in str(error.value)


def test_what_is_refused_does_not_tell_which_answer_was_there_first(store: Store):
    def beyond(response: Response) -> Signal:
        mark = {"mark": str(uuid4()), "start": 0, "end": 5_000, "quality": "good"}
        return act("like", query, response).model_copy(
            update={"kind": SignalKind.MARK, "payload": mark}
        )

    with store.writing() as connection:
        person = someone(connection)
        query, (first, second, _) = asked(connection, person)
        pending = first.model_copy(update={"outcome": Outcome.PENDING, "text": ""})
        responses.finish(connection, pending)
        for answer in (first, second):
            signals.record(connection, person.id, [beyond(answer)])
        responses.finish(connection, first)
    with store.writing() as connection, pytest.raises(BadSignals, match="mark what is there"):
        signals.record(connection, person.id, [beyond(second)])
