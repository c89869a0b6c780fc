"""Kept histories against those of training rows: the same values, whatever arrives, how often and in which order."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.errors import HistoryUnavailableError, StorageError
from everloop.features.history.state import pack
from everloop.materialization.materialization import GRACE, LATE_REQUESTS
from everloop.ports import MAXIMUM_ITEM_BYTES
from everloop.stores.history import BUILT, history_groups
from tests.fakes import FixedClock
from tests.histories import HistoryWorld

REGISTRATIONS = Path(__file__).parents[4] / "shared" / "data" / "afd_registration_20k"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HISTORY = {
    "card_payments": {"value": "count()", "by": "card", "over": ["1 day", "30 days"]},
    "card_spent": {"value": "sum(amount)", "by": "card", "over": "7 days", "where": "amount > 1"},
    "card_mean": {"value": "mean(amount)", "by": "card", "over": "7 days"},
    "card_frauds": {"value": "mean(fraud)", "by": "card", "over": "30 days", "delay": "7 days"},
    "shop_cards": {"value": "count_distinct(card)", "by": "shop", "over": "1 day"},
    "pair_last": {"value": "last(amount)", "by": ["card", "shop"], "over": "7 days"},
    "all_since": {"value": "seconds_since_last()", "over": "1 hour"},
}


def payments(**changes: Any) -> Definition:
    return Definition.model_validate(
        {
            "name": "payments",
            "task": "binary-classification",
            "data": {"target": "fraud", "timestamp": "paid_at", "row_id": ["payment"]},
            "columns": {
                "payment": "integer",
                "paid_at": "timestamp",
                "card": "category",
                "shop": "integer",
                "amount": "number",
                "fraud": "boolean",
            },
            "history": HISTORY,
        }
        | changes
    )


@pytest.fixture
def world(tmp_path: Path) -> HistoryWorld:
    return HistoryWorld(payments(), tmp_path, FixedClock(NOON))


def rows_sql(start: int, count: int, *, until: datetime = NOON) -> str:
    """A payment every half an hour, the last one at `until`; a twentieth of the cards is unknown."""
    first = until - timedelta(minutes=30 * (count - 1))
    return (
        f"SELECT i AS payment, TIMESTAMP '{first:%Y-%m-%d %H:%M:%S}' + to_minutes(30 * (i - {start})) AS paid_at,"
        " if(hash(i) % 20 = 0, NULL, 'card-' || hash(i) % 13) AS card, (hash(i + 1) % 5)::BIGINT AS shop,"
        " (hash(i + 2) % 1000) / 7 AS amount, hash(i + 3) % 10 = 0 AS fraud"
        f" FROM range({start}, {start + count}) AS made(i)"
    )


def assert_served_as_trained(world: HistoryWorld, *, since: datetime) -> int:
    """Each row in the lake from `since` on, asked as a request; returns how many there were."""
    trained = world.trained()
    moments = trained["paid_at"].astype("datetime64[us]").astype(np.int64) / 1e6
    asked = np.flatnonzero(moments >= since.timestamp())
    requests = [
        {
            "paid_at": datetime.fromtimestamp(moments[row], UTC).isoformat(),
            "card": None if np.ma.is_masked(trained["card"][row]) else str(trained["card"][row]),
            "shop": int(trained["shop"][row]),
            "amount": float(trained["amount"][row]),
        }
        for row in asked
    ]
    served = world.served(requests).columns
    for name in world.definition.history_features:
        expected = np.ma.filled(trained[name].astype(np.float64), np.nan)[asked]
        np.testing.assert_allclose(served[name][:, 0], expected, rtol=1e-9, err_msg=name)
    return len(asked)


def test_what_is_served_is_what_training_rows_have(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 2_000))
    assert assert_served_as_trained(world, since=NOON - timedelta(days=7)) == 337


def test_batches_may_come_in_any_order_twice_and_together(world: HistoryWorld) -> None:
    late = world.accept(rows_sql(1_900, 100))
    early = world.accept(rows_sql(0, 1_900, until=NOON - timedelta(minutes=30 * 100)))
    world.materialize(late)
    world.materialize(early)
    world.materialize(late, early)
    assert_served_as_trained(world, since=NOON - timedelta(days=7))


def test_a_newer_version_of_a_row_takes_the_older_one_out_of_all_histories(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    moved = "SELECT payment, paid_at, 'card-99' AS card, shop, amount * 2 AS amount, true AS fraud"
    world.arrive(f"{moved} FROM ({rows_sql(0, 500)}) WHERE payment > 480 AND card = 'card-3'")
    assert_served_as_trained(world, since=NOON - timedelta(days=3))


def test_an_older_look_at_the_lake_never_replaces_a_newer_one(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    newest = dict(world.table.items)
    assert world.table.put(next(iter(newest)), b"stale", sequence=0, expires_at=NOON + timedelta(days=1)) is False
    assert world.table.items == newest


def test_all_entities_are_built_once_and_then_those_of_each_batch(world: HistoryWorld) -> None:
    first = world.accept(rows_sql(0, 500))
    built = world.materialize()
    assert built.entities > 13 + 5
    assert world.materialize().entities == 0
    one = world.accept(
        "SELECT 9999 AS payment, TIMESTAMP '2026-03-01 12:10:00' AS paid_at, 'card-1' AS card,"
        " 2::BIGINT AS shop, 1.0 AS amount, false AS fraud"
    )
    assert world.materialize(one).entities == 4  # its card, its shop, the pair, and everything
    assert world.materialize(first, "of another model").entities == built.entities


def test_another_declaration_starts_anew(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    world.definition = payments(history=HISTORY | {"card_spent": HISTORY["card_spent"] | {"where": "amount > 100"}})
    unbuilt = world.served([request()])
    assert [type(failure) for failure in unbuilt.failures] == [HistoryUnavailableError]
    assert np.isnan(unbuilt.columns["card_payments_1d"]).all(), "not 0, which would mean that nothing happened"
    assert not np.isnan(unbuilt.columns["all_since"]).any(), "what is declared as before is kept as before"
    world.materialize()
    assert_served_as_trained(world, since=NOON - timedelta(days=2))


def test_all_histories_that_are_not_kept_yet_are_told_in_one_message(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    others = {name: HISTORY[name] | {"over": "2 days"} for name in ("shop_cards", "pair_last")}
    world.definition = payments(history=HISTORY | others)
    [failure] = world.served([request()]).failures
    assert str(failure) == "; ".join(
        f"the history by {by} is not kept yet: a batch or a training builds it" for by in ("shop", "card, shop")
    )


def request(**cells: Any) -> dict[str, Any]:
    return {"paid_at": NOON.isoformat(), "card": "card-1", "shop": 1, "amount": 5.0} | cells


def test_of_an_unknown_entity_nothing_has_happened_and_it_is_counted(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    found = world.served([request(card="card-1000"), request(card=None)])
    assert found.misses == 2, "the card, and the card in that shop; a row that names none misses nothing"
    assert found.columns["card_payments_1d"][0, 0] == 0
    assert np.isnan(found.columns["card_spent"][0, 0])
    assert np.isnan(found.columns["card_payments_1d"][1, 0])
    assert found.columns["all_since"][:, 0].tolist() == [1800.0, 1800.0]


def test_a_row_without_a_timestamp_is_asked_now(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    now, then = world.served([request(paid_at=None)]), world.served([request()])
    for name, values in then.columns.items():
        np.testing.assert_array_equal(now.columns[name], values)


def test_of_times_long_past_no_history_is_kept(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 1_000))
    late = NOON - LATE_REQUESTS[0]
    found = world.served(
        [request(paid_at=(late - early).isoformat()) for early in (timedelta(0), timedelta(seconds=1))]
    )
    assert found.columns["card_payments_30d"][0, 0] == 0
    assert np.isnan(found.columns["card_payments_30d"][1, 0]), "null: nobody knows any more"


def test_of_busy_entities_less_of_the_past_is_kept(world: HistoryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everloop.features.history.materialize.MAXIMUM_ITEM_BYTES", 400)
    world.arrive(rows_sql(0, 2_000))
    assert assert_served_as_trained(world, since=NOON - LATE_REQUESTS[1]) == 337
    month_ago = world.served([request(paid_at=(NOON - timedelta(days=30)).isoformat())])
    assert np.isnan(month_ago.columns["card_payments_30d"]).all()


def test_a_new_table_is_filled_from_the_lake(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    kept = dict(world.table.items)
    world.table.items.clear()
    world.materialize()
    assert {key: item.body for key, item in world.table.items.items()} == {key: item.body for key, item in kept.items()}


def test_a_damaged_state_costs_the_history_of_its_group_only(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    for key, item in world.table.items.items():
        if key.startswith(history_groups(world.definition)[0].prefix) and not key.endswith(BUILT):
            world.table.items[key] = item._replace(body=b"damaged")
    found = world.served([request()])
    assert [type(failure) for failure in found.failures] == [HistoryUnavailableError]
    assert np.isnan(found.columns["card_payments_1d"]).all()
    assert not np.isnan(found.columns["shop_cards"]).any()


def test_rows_without_a_row_id_are_no_events_as_they_are_no_training_rows(world: HistoryWorld) -> None:
    world.accept(rows_sql(0, 500))
    world.arrive(f"SELECT * REPLACE (NULL::BIGINT AS payment) FROM ({rows_sql(0, 300)})")
    assert_served_as_trained(world, since=NOON - timedelta(days=3))
    assert int(np.ma.filled(world.trained()["card_payments_30d"], 0).max()) < 500 // 13 * 2


def test_batches_without_any_timestamp_are_no_events(world: HistoryWorld) -> None:
    world.arrive(f"SELECT * REPLACE (NULL::TIMESTAMP AS paid_at) FROM ({rows_sql(0, 10)})")
    assert world.table.items == {}


def test_a_version_takes_no_history_that_it_learned_under_another_declaration(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 500))
    columns = world.served([request()]).columns
    learned = world.definition.history_digests
    assert world.lookup.as_learned(world.definition, learned, columns).columns == {}
    other = payments(history=HISTORY | {"card_mean": HISTORY["card_mean"] | {"over": "30 days"}})
    found = world.lookup.as_learned(other, learned, columns)
    assert found.columns.keys() == {"card_mean"}
    assert np.isnan(found.columns["card_mean"]).all()
    assert [type(failure) for failure in found.failures] == [HistoryUnavailableError]
    gone = payments(history={name: declared for name, declared in HISTORY.items() if name != "shop_cards"})
    assert world.lookup.as_learned(gone, learned, columns).columns.keys() == {"shop_cards"}


def test_a_table_that_is_away_costs_the_history_only(world: HistoryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(keys: Sequence[str]) -> dict[str, bytes]:
        raise StorageError("away")

    monkeypatch.setattr(world.table, "get", away)
    found = world.served([request()])
    assert [str(failure) for failure in found.failures] == ["away"]
    assert found.columns.keys() == world.definition.history_features.keys()
    assert all(np.isnan(values).all() for values in found.columns.values())


def test_what_is_too_large_to_keep_is_null_and_told(world: HistoryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everloop.stores.history.MAXIMUM_ITEM_BYTES", len(pack(0, [])) + 150)
    world.accept(rows_sql(0, 500))
    done = world.materialize()
    assert 0 < done.too_large < done.entities
    assert np.isnan(world.served([request()]).columns["card_payments_1d"]).all()
    assert MAXIMUM_ITEM_BYTES < 400_000


def test_an_item_lives_as_long_as_its_last_event_counts(world: HistoryWorld) -> None:
    world.arrive(rows_sql(0, 100))
    lives = {item.expires_at - NOON for key, item in world.table.items.items() if not key.endswith(BUILT)}
    assert max(lives) == GRACE + timedelta(days=30 + 7) + LATE_REQUESTS[0] + timedelta(hours=6), (
        "window, delay, late requests and a step"
    )
    assert min(lives) >= GRACE


@pytest.mark.parametrize("years", [0, 3])
def test_a_row_from_the_future_does_not_make_the_present_old(world: HistoryWorld, years: int) -> None:
    world.clock.advance(timedelta(days=365 * years))
    world.accept(rows_sql(0, 500))
    world.arrive(
        "SELECT 9999 AS payment, TIMESTAMP '2099-01-01' AS paid_at, 'card-1' AS card, 2::BIGINT AS shop,"
        " 1.0 AS amount, false AS fraud"
    )
    assert_served_as_trained(world, since=NOON - timedelta(days=7))


@pytest.mark.skipif(not REGISTRATIONS.exists(), reason="the public data sets are not here")
def test_replayed_registrations_are_served_as_trained(tmp_path: Path) -> None:
    """Batches of a day's registrations; then each of the next day is asked, before it arrives itself."""
    registrations = Definition.model_validate(
        {
            "name": "registrations",
            "task": "binary-classification",
            "data": {"target": "label", "timestamp": "created", "positive": "fraud"},
            "columns": {"created": "timestamp", "ip": "category", "email": "category", "label": "category"},
            "history": {
                f"{by}_{name}": {"by": by, **history}
                for by in ("ip", "email")
                for name, history in {
                    "registrations": {"value": "count()", "over": ["1 day", "30 days"]},
                    "frauds": {"value": "mean(label = 'fraud')", "over": ["30 days", "90 days"], "delay": "30 days"},
                }.items()
            },
        }
    )
    source = tmp_path / "registrations.csv"
    source.write_bytes(gzip.decompress((REGISTRATIONS / "registration_data_20K_minimum.csv.gz").read_bytes()))
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE registrations AS SELECT EVENT_TIMESTAMP::TIMESTAMP AS created, ip_address AS ip,"
        f" email_address AS email, EVENT_LABEL AS label FROM read_csv('{source}') ORDER BY created"
    )
    world = HistoryWorld(registrations, tmp_path, FixedClock(datetime(2026, 1, 1, tzinfo=UTC)))
    days = [
        row[0]
        for row in database.execute(
            "SELECT DISTINCT date_trunc('day', created) FROM registrations ORDER BY 1"
        ).fetchall()
    ]
    world.arrive(f"FROM registrations WHERE created < '{days[-7]}'", database)
    answers: dict[str, list[float]] = {name: [] for name in registrations.history_features}
    for day in days[-7:]:
        asked = database.execute(
            f"SELECT created, ip, email FROM registrations WHERE date_trunc('day', created) = '{day}'"
        ).fetchall()
        # The steps of a day's window are ten minutes: what came meanwhile has to be there.
        world.arrive(f"FROM registrations WHERE date_trunc('day', created) = '{day}'", database)
        found = world.served(
            [{"created": created.isoformat(), "ip": ip, "email": email} for created, ip, email in asked]
        )
        for name, values in found.columns.items():
            answers[name].extend(values[:, 0].tolist())
    trained = world.trained()
    assert len(answers["ip_frauds_30d"]) > 300
    for name, values in answers.items():
        expected = np.ma.filled(trained[name].astype(np.float64), np.nan)[-len(values) :]
        np.testing.assert_allclose(values, expected, rtol=1e-9, err_msg=name)
