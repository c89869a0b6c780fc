"""Whole files, as the world delivers them."""

import gzip
import json
import time
from pathlib import Path

import pytest

from everloop.contracts.batches import BatchStatus
from everloop.contracts.columns import ColumnType
from everloop.drafting.drafted import Role
from everloop.errors import BatchRejectedError, DefinitionError
from tests.unit.drafting.conftest import Drafting, noise, table
from tests.unit.drafting.loop import Loop

ROWS = 1_200
NOISE = noise(ROWS, seed=9)


def european() -> bytes:
    """As instruments write: decimal commas, a date apart from its time, -200 for null."""
    lines = ["Date;Time;CO(GT);Température;NOx"]
    for n, value in enumerate(NOISE):
        day, hour = divmod(n, 24)
        carbon = "-200" if n % 9 == 0 else f"{value / 10:.1f}".replace(".", ",")
        heat = "-200" if n % 31 == 0 else f"{n % 37},5"
        lines.append(f"{1 + day % 28:02}/{3 + day // 28:02}/2004;{hour:02}.00.00;{carbon};{heat};{n * 7919 % 1301}")
    return "\r\n".join(lines).encode("cp1252")


def headerless() -> str:
    return "\n".join(f"{value},{n % 3},{'ab'[n % 2]}" for n, value in enumerate(NOISE))


def json_lines() -> str:
    rows = [{"x": value, "ok": n % 2 == 0, "plan": ["basic", "plus", None][n % 3]} for n, value in enumerate(NOISE)]
    return "\n".join(map(json.dumps, rows))


def unclean() -> str:
    """Nulls by three names, keys, free text, ambiguous dates, odd names, a few words among numbers."""
    rows = [
        {
            "id": f"r-{n * 7919}",
            "sold.on": f"{1 + n % 12:02}/{1 + n // 12 % 12:02}/2023",
            'the "price"': "NA" if n % 7 == 0 else value,
            "Age": "old" if n == 5 else n % 60,
            "state": ["ok", "NULL", " bad"][n % 3],
            "remark": f"it was said {n} times, and then {value} times again",
            "y": ["won", "lost", "lost"][n % 3 + (n % 11 == 0) - (n % 3 == 2)],
        }
        for n, value in enumerate(NOISE)
    ]
    return table({name: [row[name] for row in rows] for name in rows[0]})


@pytest.mark.parametrize(
    ("content", "target", "quarantined"),
    [(european(), "CO(GT)", 134), (headerless(), "column_1", 0), (json_lines(), "ok", 0), (unclean(), "y", 1)],
    ids=["european", "headerless", "json lines", "unclean"],
)
def test_a_draft_accepts_its_own_file_and_trains_on_it(
    drafting: Drafting, tmp_path: Path, content: str | bytes, target: str, quarantined: int
) -> None:
    loop = Loop(drafting(content, target).definition)
    report = loop.upload(tmp_path / "rows.csv")
    assert report.status is BatchStatus.ACCEPTED, report
    assert (report.rows.accepted, report.rows.quarantined) == (ROWS - quarantined, quarantined)
    candidate, _ = loop.train(tmp_path)
    assert candidate.parity_difference < 1e-4


def test_european_measurements_with_sentinels_are_understood(drafting: Drafting) -> None:
    written = drafting(european(), "CO(GT)")
    hints = written.definition.data.csv
    assert (hints.delimiter, hints.decimal, hints.encoding, hints.missing) == (";", ",", None, ("-200",))
    assert written.column("timestamp").parts == ("Date", "Time")
    assert written.column("timestamp").format == ("%d/%m/%Y %H.%M.%S",)
    assert written.column("Température").type is ColumnType.NUMBER
    assert written.column("NOx").type is ColumnType.INTEGER
    assert written.draft.notes == ("134 rows without CO(GT) will go to quarantine",)


def test_a_file_without_a_header_gets_names(drafting: Drafting) -> None:
    written = drafting(headerless(), "column_1")
    assert written.definition.data.csv.header is False
    assert written.definition.data.csv.names == ("column_1", "column_2", "column_3")
    assert written.column("column_3").allowed == ("a", "b")


def test_json_lines_are_read_like_a_table(drafting: Drafting) -> None:
    written = drafting(json_lines(), "ok")
    assert written.column("ok").type is ColumnType.BOOLEAN
    assert written.column("x").type is ColumnType.NUMBER
    assert written.column("plan").maximum_null_share == 0.67
    assert "[data.csv]" not in written.toml


def test_packed_files_are_unpacked(drafting: Drafting) -> None:
    assert drafting(gzip.compress(table({"x": NOISE}).encode())).column("x").type is ColumnType.NUMBER


def test_a_thousand_columns_take_a_few_seconds(drafting: Drafting) -> None:
    begun = time.process_time()
    written = drafting({f"c{n}": noise(200, seed=n + 2) for n in range(999)})
    assert len(written.definition.columns) == 1_000
    assert time.process_time() - begun < 30


def test_five_rows_make_a_definition_that_says_they_are_too_few(drafting: Drafting) -> None:
    written = drafting("name,amount,late\nann,1.5,yes\nbob,2,no\ncid,3,no\ndan,4,yes\neve,5,no\n", "late")
    assert written.definition.columns.keys() == {"name", "amount", "late"}
    assert written.definition.training.minimum_rows == 50
    assert written.draft.notes == ("5 rows cannot train a model; 50 are the least",)


def test_a_column_that_adds_up_to_the_target_is_a_suspect(drafting: Drafting) -> None:
    a, b = noise(300, seed=2), noise(300, seed=3)
    written = drafting({"a": a, "b": b, "z": noise(300, seed=4), "y": [x + y for x, y in zip(a, b, strict=True)]})
    assert (written.role("a"), written.role("b"), written.role("z")) == (Role.SUSPECT, Role.SUSPECT, Role.INPUT)
    assert "adds up to the target" in written.why("a")
    assert "\n# a = " in written.toml


def test_suspects_stay_if_there_is_nothing_else_to_learn_from(drafting: Drafting) -> None:
    written = drafting({"x": NOISE, "y": NOISE})
    assert written.role("x") is Role.INPUT
    assert written.draft.notes[0].startswith("x may be a leak: ")


def test_a_file_with_nothing_to_learn_from_is_refused(drafting: Drafting) -> None:
    with pytest.raises(DefinitionError, match="nothing to learn from"):
        drafting({"x": ["same"], "y": NOISE})


@pytest.mark.parametrize(
    ("content", "reason"),
    [("a,A,y\n1,2,3\n", "duplicate_columns"), ("", "empty_file"), ("x,y\n1,2\n3\n", "ragged_rows")],
    ids=["duplicate names", "empty", "ragged"],
)
def test_a_file_that_an_upload_would_refuse_is_refused_alike(drafting: Drafting, content: str, reason: str) -> None:
    with pytest.raises(BatchRejectedError) as refused:
        drafting(content)
    assert refused.value.reason == reason


def test_a_file_without_rows_is_refused(drafting: Drafting) -> None:
    with pytest.raises(DefinitionError, match="got a file without any"):
        drafting("x,y\n")
