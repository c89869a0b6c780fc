"""Which accepted rows a run learns from, in which order, and what stops it before it fits anything."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.contracts.columns import ColumnType
from everloop.contracts.datasets import DatasetBatch, DatasetManifest, RowTotals, build_manifest
from everloop.contracts.definition import Definition
from everloop.errors import IntegrityError, TooFewRowsError, UnusableRowsError, UnusableTargetError
from everloop.features.compile import compile_features
from everloop.features.profile import Profile
from everloop.reading.accepted import verify_rows
from everloop.training.dataset import prepare, profile_columns, read_columns, reference_profile
from everloop.training.prepared import PreparedDataset
from everloop.training.probes import _VALUES, create_probes
from everloop.training.rows import ROWS_TABLE, create_rows
from tests.samples import NOW

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 100


def machine(**sections: Any) -> Definition:
    raw = {
        "name": "machine",
        "task": "binary-classification",
        "data": {"target": "y", "timestamp": "at", "row_id": ["id"]},
        "columns": {"id": "integer", "at": "timestamp", "x": "number", "s": "category", "y": "boolean"},
        "features": {"hour": "hour(at)"},
        "training": {"minimum_rows": 50},
    }
    return Definition.model_validate(raw | sections)


def rows(count: int = ROWS, *, first_id: int = 0, start: datetime = START, **cells: str) -> str:
    """SQL of hourly rows whose id is their place in time; cells replace a column's expression."""
    columns = {
        "id": f"cast(i + {first_id} as bigint)",
        "at": f"timestamp '{start:%Y-%m-%d %H:%M:%S}' + to_hours(i)",
        "x": "i / 10",
        "s": "case i % 3 when 0 then 'ü' when 1 then 'b' end",
        "y": "i % 2 = 0",
    }
    selected = ", ".join(f"{sql} as {name}" for name, sql in (columns | cells).items())
    return f"select {selected} from (select cast(range as bigint) as i from range({count}))"


class Lake:
    """Parquet files of batches beside their reports."""

    def __init__(self, folder: Path) -> None:
        self.connection = duckdb.connect()
        self._folder = folder

    def files(self, *batches: str) -> list[Path]:
        paths = [self._folder / f"{number:06}.parquet" for number in range(len(batches))]
        for path, sql in zip(paths, batches, strict=True):
            self.connection.execute(f"copy ({sql}) to '{path}' (format parquet)")
        return paths

    def create(self, definition: Definition, *batches: str, as_of: datetime = NOW) -> RowTotals:
        selection, _ = build_manifest(definition, reports(len(batches)), as_of=as_of)
        assert len(selection.reports) == len(batches)
        return create_rows(self.connection, definition, selection, self.files(*batches))

    def column(self, name: str) -> list[Any]:
        return [row[0] for row in self.connection.execute(f"select {name} from {ROWS_TABLE}").fetchall()]

    def prepare(self, definition: Definition, *batches: str) -> PreparedDataset:
        self.create(definition, *batches)
        _, manifest = build_manifest(definition, reports(len(batches)), as_of=NOW)
        compiled = compile_features(definition)
        columns = read_columns(self.connection, definition, compiled)
        return prepare(self.connection, definition, compiled, manifest, columns)

    def profile(self, definition: Definition, *batches: str, **centres: float) -> Profile:
        self.create(definition, *batches)
        columns = read_columns(self.connection, definition, compile_features(definition))
        return profile_columns(definition, columns, centres)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    lake = Lake(tmp_path)
    yield lake
    lake.connection.close()


def report(
    batch_id: str,
    *,
    rows: int = 10,
    first: datetime | None = START,
    last: datetime | None = NOW,
    received_at: datetime = START,
    status: BatchStatus = BatchStatus.ACCEPTED,
    sha256: str = "0" * 64,
) -> BatchReport:
    return BatchReport(
        batch_id=batch_id,
        model="machine",
        status=status,
        rows=RowCounts(delivered=rows, accepted=rows),
        source=Source(bucket="landing", key="uploads/machine/file.csv", size_bytes=1),
        received_at=received_at,
        first_timestamp=first,
        last_timestamp=last,
        timestamp_column="at",
        reason=None if status is BatchStatus.ACCEPTED else "no_rows",
        rows_sha256=sha256,
    )


def reports(count: int) -> list[BatchReport]:
    return [report(f"batch-{number}", rows=ROWS) for number in range(count)]


def chosen(definition: Definition, *reports: BatchReport, as_of: datetime = NOW) -> list[str]:
    return [batch.batch_id for batch in build_manifest(definition, reports, as_of=as_of)[1].batches]


def manifest(definition: Definition, *reports: BatchReport, **cutoffs: Any) -> DatasetManifest:
    return build_manifest(definition, reports, **{"as_of": NOW, **cutoffs})[1]


# Which batches


def test_accepted_batches_are_taken_in_the_order_they_were_received() -> None:
    day = timedelta(days=1)
    reports: Sequence[BatchReport] = [
        report("c", received_at=START + day),
        report("b", received_at=START),
        report("a", received_at=START),
        report("d", received_at=START + 2 * day, status=BatchStatus.REJECTED),
    ]
    assert chosen(machine(), *reports) == ["a", "b", "c"]


def test_batches_outside_the_window_are_left_out() -> None:
    definition = machine(training={"window": "10 days"})
    since = NOW - timedelta(days=10)
    second = timedelta(seconds=1)
    reports = [
        report("ends before", last=since - second),
        report("touches the start", last=since),
        report("begins at as_of", first=NOW, last=NOW + second),
        report("begins just before", first=NOW - second, last=NOW + second),
    ]
    assert chosen(definition, *reports) == ["begins just before", "touches the start"]


def test_timestamps_without_a_zone_are_utc() -> None:
    naive = (NOW - timedelta(hours=1)).replace(tzinfo=None)
    assert chosen(machine(), report("a", first=naive, last=naive)) == ["a"]


def test_without_a_timestamp_what_was_received_by_then_counts() -> None:
    definition = machine(data={"target": "y"}, features={"double": "x * 2"})
    late = report("late", first=None, last=None, received_at=NOW + timedelta(seconds=1))
    on_time = report("on time", first=None, last=None, received_at=NOW)
    assert chosen(definition, late, on_time) == ["on time"]


# Which rows


def test_rows_are_in_the_order_of_time_whatever_the_order_of_files(lake: Lake) -> None:
    lake.create(machine(), rows(first_id=100, start=START + timedelta(hours=100)), rows())
    assert lake.column("id") == list(range(200))


def test_of_rows_with_one_id_the_newest_by_timestamp_stays(lake: Lake) -> None:
    corrected = rows(10, start=START + timedelta(hours=1), x="1000 + i")
    outdated = rows(10, start=START - timedelta(hours=1), x="-1")
    lake.create(machine(), corrected, rows(), outdated)
    values = dict(zip(lake.column("id"), lake.column("x"), strict=True))
    assert len(values) == len(lake.column("id")) == ROWS
    assert values[0] == 1000
    assert values[9] == 1009
    assert values[10] == 1


def test_of_rows_with_one_id_and_one_timestamp_the_last_received_stays(lake: Lake) -> None:
    lake.create(machine(), rows(), rows(x="1000 + i"))
    assert lake.column("x") == [1000 + i for i in range(ROWS)]


def test_a_replay_does_not_make_rows_newer_than_their_correction() -> None:
    first, corrected = report("a", rows=1), report("b", rows=1, received_at=START + timedelta(days=1))
    late = report("c", rows=1, received_at=START + timedelta(days=9))
    source = late.source.model_copy(update={"replay_of": "a", "first_received_at": START})
    replay = late.model_copy(update={"source": source})
    _, manifest = build_manifest(machine(), [replay, corrected, first], as_of=START + timedelta(days=30))
    assert [batch.batch_id for batch in manifest.batches] == ["a", "c", "b"]


def test_batches_judged_by_another_timestamp_may_hold_rows_of_any_time() -> None:
    old = report("a", rows=1).model_copy(update={"timestamp_column": "created"})
    windowed = machine(training={"window": "30 days", "minimum_rows": 50})
    versions = set()
    for day in (10, 20, 60):
        _, manifest = build_manifest(windowed, [old], as_of=START + timedelta(days=day))
        assert [batch.batch_id for batch in manifest.batches] == ["a"]
        versions.add(manifest.version)
    assert len(versions) == 3


def test_a_version_stands_for_one_set_of_rows_also_after_another_timestamp_was_named(lake: Lake) -> None:
    judged = report("a", rows=ROWS, last=START).model_copy(update={"timestamp_column": "created"})
    found = {}
    for hours in (60, 80, 90, ROWS, 2 * ROWS):
        selection, manifest = build_manifest(machine(), [judged], as_of=START + timedelta(hours=hours))
        totals = create_rows(lake.connection, machine(), selection, lake.files(rows()))
        found[manifest.version] = totals.rows
    assert list(found.values()) == [60, 80, 90, ROWS, ROWS]


def test_a_window_longer_than_time_begins_with_time() -> None:
    windowed = machine(training={"window": "30 days", "minimum_rows": 50})
    selection, _ = build_manifest(windowed, [], as_of=datetime(1, 1, 5, tzinfo=UTC))
    assert selection.since == datetime(1, 1, 1, tzinfo=UTC)


def test_rows_after_the_moment_are_left_out_even_as_corrections(lake: Lake) -> None:
    as_of = START + timedelta(hours=60)
    lake.create(machine(), rows(), rows(start=START + timedelta(hours=60), x="1000"), as_of=as_of)
    assert lake.column("id") == list(range(60))
    assert max(lake.column("x")) < 1000


def test_the_window_cuts_within_a_batch_at_both_ends(lake: Lake) -> None:
    definition = machine(training={"window": "60 hours", "minimum_rows": 50})
    totals = lake.create(definition, rows(), as_of=START + timedelta(hours=90))
    assert lake.column("id") == list(range(30, 90))
    assert totals == RowTotals(delivered=100, left_out=40, superseded=0, rows=60)


def test_a_zone_in_as_of_does_not_move_the_window(lake: Lake) -> None:
    as_of = (START + timedelta(hours=60)).astimezone(timezone(timedelta(hours=9)))
    lake.create(machine(), rows(), as_of=as_of)
    assert len(lake.column("id")) == 60


def test_a_random_holdout_is_a_seeded_shuffle_that_is_the_same_wherever_files_lie(tmp_path: Path) -> None:
    def order(folder: str, seed: int) -> list[Any]:
        (tmp_path / folder).mkdir()
        lake = Lake(tmp_path / folder)
        lake.create(machine(training={"minimum_rows": 50, "holdout": {"by": "random"}, "seed": seed}), rows())
        return lake.column("id")

    first = order("a", 7)
    assert sorted(first) == list(range(ROWS))
    assert first != sorted(first)
    assert order("b", 7) == first
    assert order("c", 8) != first


def test_too_few_rows_say_how_many_there_are_and_from_when(lake: Lake) -> None:
    definition = machine(training={"minimum_rows": 101, "window": "90 days"})
    with pytest.raises(TooFewRowsError) as caught:
        lake.create(definition, rows())
    assert str(caught.value) == (
        "machine: 100 accepted rows from 2025-12-14 09:26 until 2026-03-14 09:26, training.minimum_rows is 101; "
        "upload more data or lower it"
    )
    with pytest.raises(TooFewRowsError, match="machine: 0 accepted rows until 2026-03-14"):
        lake.create(machine())


def test_every_accepted_row_is_left_out_superseded_or_there(lake: Lake) -> None:
    totals = lake.create(machine(), rows(), rows(50, x="-1"), as_of=START + timedelta(hours=80))
    assert totals == RowTotals(delivered=150, left_out=20, superseded=50, rows=80)


def test_a_column_declared_after_every_batch_is_null_in_all_rows(lake: Lake) -> None:
    definition = machine(columns={**_kinds(), "new": "number", "late": "category"})
    lake.create(definition, rows())
    assert set(lake.column("new")) == set(lake.column("late")) == {None}
    described = lake.connection.execute(f"describe {ROWS_TABLE}").fetchall()
    assert {name: kind for name, kind, *_ in described if name in ("new", "late")} == {
        "new": "DOUBLE",
        "late": "VARCHAR",
    }


def test_a_column_that_only_newer_batches_have_is_null_in_the_older_rows(lake: Lake) -> None:
    newer = rows(first_id=ROWS, start=START + timedelta(hours=ROWS)).replace("select ", "select i as new, ", 1)
    lake.create(machine(columns={**_kinds(), "new": "number"}), rows(), newer)
    assert lake.column("new") == [None] * ROWS + [float(i) for i in range(ROWS)]


def test_rows_from_before_the_target_was_declared_are_left_out(lake: Lake) -> None:
    older = f"select * exclude (y) from ({rows(10, first_id=ROWS)})"
    assert lake.create(machine(), rows(), older) == RowTotals(delivered=110, left_out=10, superseded=0, rows=100)


def test_rows_from_before_the_row_id_was_declared_do_not_supersede_one_another(lake: Lake) -> None:
    older = f"select * exclude (id) from ({rows(10)})"
    assert lake.create(machine(), rows(), older) == RowTotals(delivered=110, left_out=10, superseded=0, rows=100)


def test_rows_of_a_type_that_today_s_cannot_hold_are_named(lake: Lake) -> None:
    with pytest.raises(UnusableRowsError, match=r"machine: rows accepted under an earlier definition .*'abc'"):
        lake.create(machine(), rows(x="'abc'"))


def test_rows_that_are_not_those_accepted_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"rows")
    verify_rows(DatasetBatch(batch_id="b", rows=1, sha256=hashlib.sha256(b"rows").hexdigest()), path)
    verify_rows(DatasetBatch(batch_id="of an older report", rows=1, sha256=None), path)
    with pytest.raises(IntegrityError, match=r"batch 'b': expected accepted rows with sha256 0000.*restore"):
        verify_rows(DatasetBatch(batch_id="b", rows=1, sha256="0" * 64), path)


# Versions


def test_the_same_batches_are_the_same_version_whenever_they_are_asked_for() -> None:
    day = timedelta(days=1)
    first = manifest(machine(), report("a", last=NOW - day))
    assert (first.since, first.as_of) == (None, None)
    assert manifest(machine(), report("a", last=NOW - day), as_of=NOW + day) == first
    window = machine(training={"window": "1000 days"})
    assert manifest(window, report("a", last=NOW - day)).since is None


def test_a_cutoff_within_a_batch_is_part_of_the_version() -> None:
    definition = machine(training={"window": "10 days"})
    divided = manifest(definition, report("a"))
    assert (divided.since, divided.as_of) == (NOW - timedelta(days=10), NOW)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert manifest(definition, report("a"), as_of=elsewhere).version == divided.version
    assert manifest(definition, report("a"), as_of=NOW - timedelta(seconds=1)).version != divided.version


def test_without_a_timestamp_the_batches_alone_decide() -> None:
    definition = machine(data={"target": "y"}, features={"double": "x * 2"})
    first = manifest(definition, report("a"))
    assert manifest(definition, report("a"), as_of=NOW + timedelta(days=1)) == first


def test_other_rows_of_a_batch_or_another_definition_are_another_version() -> None:
    first = manifest(machine(), report("a"))
    assert manifest(machine(), report("a", sha256="1" * 64)).version != first.version
    assert manifest(machine(training={"seed": 8}), report("a")).version != first.version


def test_a_manifest_rebuilt_later_in_any_order_has_the_same_bytes() -> None:
    day = timedelta(days=1)
    known = [report(name, received_at=START + number * day) for number, name in enumerate("cab")]
    later = [report("d", received_at=START + 9 * day), report("e", received_at=START + 8 * day)]
    first = manifest(machine(), *known)
    again = manifest(machine(), *later, *reversed(known), known_at=START + 2 * day)
    assert again.model_dump_json() == first.model_dump_json()
    assert [batch.batch_id for batch in first.batches] == ["c", "a", "b"]
    assert manifest(machine(), *known, *later).version != first.version


def test_one_manifest_gives_the_same_arrays_to_the_byte(tmp_path: Path) -> None:
    def prepared(folder: str) -> bytes:
        (tmp_path / folder).mkdir()
        return Lake(tmp_path / folder).prepare(machine(), rows(), rows(30, x="-1")).to_npz()

    assert prepared("a") == prepared("b")


# Typed arrays


def test_rows_become_arrays_in_the_model_s_order(lake: Lake) -> None:
    dataset = lake.prepare(machine(), rows())
    assert (dataset.number_names, dataset.text_names) == (["x", "hour"], ["s"])
    np.testing.assert_allclose(dataset.inputs.numbers[:3], [[0, 0], [0.1, 1], [0.2, 2]], rtol=1e-6)
    assert dataset.inputs.texts[:3, 0].tolist() == ["ü", "b", ""]
    assert dataset.target[:4].tolist() == [1, 0, 1, 0]
    assert (dataset.classes, dataset.holdout_rows) == ([False, True], 20)
    assert dataset.holdout_raw["x"][:, 0].tolist() == [i / 10 for i in range(80, 100)]
    assert dataset.holdout_time.tolist() == [(START + timedelta(hours=i)).timestamp() for i in range(80, 100)]
    assert set(dataset.holdout_batch) == {0}
    again = PreparedDataset.from_npz(dataset.to_npz())
    np.testing.assert_array_equal(again.holdout_raw["s"], dataset.holdout_raw["s"])


def test_numbers_bring_the_direction_that_their_column_declares_and_features_none(lake: Lake) -> None:
    falling = {"type": "number", "monotone": "decreasing"}
    definition = machine(columns={**_kinds(), "x": falling}, features={"double": "x * 2"})
    dataset = lake.prepare(definition, rows())
    assert dict(zip(dataset.number_names, dataset.directions, strict=True)) == {"x": -1, "double": 0}


def test_the_holdout_knows_which_batch_each_row_came_in(lake: Lake) -> None:
    dataset = lake.prepare(machine(), rows(first_id=190, start=START + timedelta(hours=190), count=10), rows(190))
    assert dataset.holdout_rows == 40
    assert dataset.holdout_batch.tolist() == [1] * 30 + [0] * 10


def test_the_first_probe_is_a_row_of_nulls_and_each_column_meets_all_its_values() -> None:
    columns = {f"{kind} {number}": kind for number in range(6) for kind in ColumnType}
    with duckdb.connect() as connection:
        nothing = ", ".join(f'null as "{name}"' for name in columns)
        connection.execute(f"create table t as select {nothing} from range(1)")
        create_probes(connection, columns, table="t")
        for name, kind in columns.items():
            cells = [row[0] for row in connection.execute(f'select "{name}" from probes').fetchall()]
            assert cells[0] is None
            assert len(set(cells)) == len(_VALUES[kind][1]), name


def test_the_values_of_two_columns_meet_in_many_pairs() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table t as select 'x' as a, 'y' as b from range(1)")
        create_probes(connection, {"a": ColumnType.CATEGORY, "b": ColumnType.CATEGORY}, table="t")
        pairs = {*connection.execute("select a, b from probes").fetchall()[:64]}
    assert len(pairs) == 36


@pytest.mark.parametrize("rows", [1, 5, 3_000])
def test_each_wild_value_is_probed_among_the_values_of_a_real_row(rows: int) -> None:
    columns = {f"{kind} {number}": kind for number in range(20) for kind in (ColumnType.NUMBER, ColumnType.CATEGORY)}
    with duckdb.connect() as connection:
        real = ", ".join(f'cast(42 as {_VALUES[kind][0]}) as "{name}"' for name, kind in columns.items())
        connection.execute(f"create table t as select {real} from range({rows})")
        create_probes(connection, columns, table="t")
        probes = connection.execute("select * from probes").fetchall()[64:]
    assert len(probes) == min(rows, 256)
    for place, kind in enumerate(columns.values()):
        wild = {row[place] for row in probes} - {42, "42"}
        assert len(wild) == (len(_VALUES[kind][1]) if rows >= 8 else min(rows, len(_VALUES[kind][1])))
    if rows > 256:
        assert max(sum(cell not in (42, "42") for cell in row) for row in probes) <= 2


def test_probes_reach_the_model_s_inputs(lake: Lake) -> None:
    dataset = lake.prepare(machine(), rows())
    assert np.isnan(dataset.probes.numbers).any(axis=0).all()
    assert "a level never seen" in dataset.probes.texts
    assert len(dataset.probes) == len(dataset.probes_raw["x"])


def test_the_reference_covers_every_raw_column_but_time_which_always_moves(lake: Lake) -> None:
    profile = lake.profile(machine(), rows())
    assert set(reference_profile(profile, compile_features(machine())).columns) == {"x", "s"}


def test_a_dataset_is_profiled_in_all_columns_but_row_ids_and_text(lake: Lake) -> None:
    definition = machine(columns={**_kinds(), "note": "text"})
    profile = lake.profile(definition, rows())
    assert (profile.rows, set(profile.columns)) == (ROWS, {"at", "x", "s", "y"})


def test_a_dataset_is_profiled_about_the_model_s_centres(lake: Lake) -> None:
    centres = lake.profile(machine(), rows(), x=3.0).centres
    assert (centres["x"], centres["y"]) == (3.0, 0.5)


# Targets that teach nothing


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ("true", "too few rows of False"),
        ("i = 0", "too few rows of True"),
        ("i >= 80", "too few rows of True"),
    ],
)
def test_a_class_that_is_too_rare_to_learn_is_named(lake: Lake, y: str, told: str) -> None:
    with pytest.raises(UnusableTargetError, match=told):
        lake.prepare(machine(), rows(y=y))


@pytest.mark.parametrize("y", ["i >= 80 or i % 2 = 0", "i < 80 and i % 2 = 0"])
def test_a_holdout_of_one_class_is_refused_for_nothing_can_be_judged_on_it(lake: Lake, y: str) -> None:
    with pytest.raises(UnusableTargetError, match="the same in all 20 rows of the holdout"):
        lake.prepare(machine(), rows(y=y))


@pytest.mark.parametrize(
    ("y", "told"),
    [
        ("1.5", "target 'y' is 1.5 in every training row: nothing to learn"),
        ("case when i < 80 then i else 0 end", "the same in all 20 rows of the holdout"),
    ],
)
def test_a_constant_to_regress_is_refused(lake: Lake, y: str, told: str) -> None:
    definition = machine(task="regression", columns={**_kinds(), "y": "number"})
    with pytest.raises(UnusableTargetError, match=told):
        lake.prepare(definition, rows(y=f"cast({y} as double)"))


def _kinds() -> dict[str, str]:
    return {name: column.type.value for name, column in machine().columns.items()}


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (
            "case when i < 80 then chr(cast(97 + i % 3 as integer)) else 'a' end",
            "the same in all 20 rows of the holdout",
        ),
        ("case when i < 60 then chr(cast(97 + i % 3 as integer)) else 'a' end", "roc_auc_ovr says nothing there"),
    ],
)
def test_one_class_where_classes_are_ranked_is_refused(lake: Lake, y: str, told: str) -> None:
    columns = {**_kinds(), "y": "category"}
    named = {"task": "multiclass-classification", "columns": columns}
    with pytest.raises(UnusableTargetError, match=told):
        lake.prepare(machine(**named, training={"metric": "roc_auc_ovr", "minimum_rows": 50}), rows(y=y))
    lake.prepare(machine(**named, training={"metric": "accuracy", "minimum_rows": 50}), rows(y=y))


def test_a_binary_target_of_numbers_is_0_or_1(lake: Lake) -> None:
    definition = machine(columns={**_kinds(), "y": "integer"})
    assert lake.prepare(definition, rows(y="cast(i % 2 as bigint)")).classes == [0, 1]
    with pytest.raises(UnusableTargetError, match="expected 0 or 1, got 2 in 33 rows"):
        lake.prepare(definition, rows(y="cast(i % 3 as bigint)"))


def test_a_binary_target_of_levels_has_one_besides_the_positive(lake: Lake) -> None:
    definition = machine(columns={**_kinds(), "y": "category"}, data={"target": "y", "positive": "ja"}, features={})
    dataset = lake.prepare(definition, rows(y="case when i % 2 = 0 then 'ja' else 'nein' end"))
    assert dataset.classes == ["nein", "ja"]
    assert dataset.target.sum() == 50
    with pytest.raises(UnusableTargetError, match="expected 'ja' and one other level, got nein, vielleicht"):
        lake.prepare(definition, rows(y="case i % 3 when 0 then 'ja' when 1 then 'nein' else 'vielleicht' end"))


@pytest.mark.parametrize(("kind", "y"), [("category", "'c' || (i % 3)"), ("integer", "cast(i % 3 + 4 as bigint)")])
def test_the_classes_of_a_multiclass_target_are_its_levels(lake: Lake, kind: str, y: str) -> None:
    definition = machine(task="multiclass-classification", columns={**_kinds(), "y": kind})
    dataset = lake.prepare(definition, rows(y=y))
    assert dataset.classes == (["c0", "c1", "c2"] if kind == "category" else [4, 5, 6])
    assert set(dataset.target) == {0, 1, 2}


def test_one_class_alone_is_told_in_words(lake: Lake) -> None:
    definition = machine(task="multiclass-classification", columns={**_kinds(), "y": "category"})
    with pytest.raises(UnusableTargetError, match="every row is 'only'; at least two classes are needed"):
        lake.prepare(definition, rows(y="'only'"))


def test_what_32_bits_cannot_hold_is_null_as_it_is_in_serving(lake: Lake) -> None:
    dataset = lake.prepare(machine(), rows(x="case when i = 3 then 1e300 else i end"))
    assert np.isnan(dataset.inputs.numbers[3, 0])
