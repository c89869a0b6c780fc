"""Every format in, the same rows of text out."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.contracts.definition import Definition
from everloop.ingestion.staging import write_staged_rows
from tests.unit.ingestion.conftest import World, packed, pump

Stage = Callable[[bytes | str], list[dict[str, object]]]

ROWS = [
    {"speed": "1.5", "kind": "a", "broken": "true"},
    {"speed": "2.5", "kind": None, "broken": "false"},
]
CSV = "speed,kind,broken\n1.5,a,true\n2.5,,false\n"
TSV = CSV.replace(",", "\t")
LINES = '{"speed": 1.5, "kind": "a", "broken": true}\n{"speed": 2.5, "kind": null, "broken": false}\n'
ARRAY = f"[{LINES.strip().replace(chr(10), ',')}]"


@pytest.fixture
def parquet(tmp_path: Path) -> bytes:
    path = tmp_path / "delivered.parquet"
    query = "SELECT * FROM (VALUES (1.5::DOUBLE, 'a', true), (2.5, NULL, false)) AS t(speed, kind, broken)"
    with duckdb.connect() as database:
        database.execute(f"COPY ({query}) TO ? (FORMAT parquet)", [str(path)])
    return path.read_bytes()


@pytest.mark.parametrize(
    "body",
    [
        CSV,
        TSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "|"),
        CSV.replace("\n", "\r\n"),
        CSV.rstrip(),
        "\n\n" + CSV + "\n\n",
        "\ufeff" + CSV,
        TSV.encode("utf-16"),
        CSV.replace("speed", '"speed"').replace("kind", " kind "),
        LINES,
        LINES.replace("\n", "\n\n"),
        "\ufeff" + LINES,
        ARRAY,
        json.dumps(json.loads(ARRAY), indent=2),
    ],
)
def test_each_text_format_gives_the_same_rows(staged_rows: Stage, body: bytes | str) -> None:
    assert staged_rows(body) == ROWS


@pytest.mark.parametrize("body", [CSV, TSV, LINES, ARRAY])
def test_each_text_format_may_be_gzipped(staged_rows: Stage, body: str) -> None:
    assert staged_rows(packed(body)) == ROWS


def test_parquet_gives_the_same_rows(staged_rows: Stage, parquet: bytes) -> None:
    assert staged_rows(parquet) == ROWS


def test_gzipped_parquet_gives_the_same_rows(staged_rows: Stage, parquet: bytes) -> None:
    assert staged_rows(packed(parquet)) == ROWS


def test_text_is_not_touched_until_the_definition_judges_it(staged_rows: Stage) -> None:
    [row] = staged_rows('speed,kind,broken\n1e400,"00123, ""x"" NA\nnext line",1_0\n')
    assert row == {"speed": "1e400", "kind": '00123, "x" NA\nnext line', "broken": "1_0"}


def test_json_values_are_text_and_lose_nothing(staged_rows: Stage) -> None:
    rows = staged_rows(
        '{"speed": 1e400, "kind": 12345678901234567890, "broken": 0.1}\n{"speed": NaN, "broken": {"a": 1}}'
    )
    assert rows == [
        {"speed": "1e400", "kind": "12345678901234567890", "broken": "0.1"},
        {"speed": "NaN", "kind": None, "broken": '{"a":1}'},
    ]


def test_rows_keep_the_order_of_the_file(staged_rows: Stage) -> None:
    numbers = [str(number) for number in range(200_000)]
    rows = staged_rows("speed,broken\n" + "".join(f"{number},true\n" for number in numbers))
    assert [row["speed"] for row in rows] == numbers


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_writes_is_what_is_staged(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("speed", "kind", "broken"), *rows])
    with TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_text(text.getvalue(), "utf-8", newline="")
        write_staged_rows(path, Path(folder, "rows"), pump(), folder=Path(folder))
        with duckdb.connect() as database:
            staged = database.execute("FROM read_parquet(?)", [str(Path(folder, "rows"))]).fetchall()
    assert staged == [tuple(cell or None for cell in row) for row in rows]


def test_columns_of_a_quarantine_file_are_dropped(staged_rows: Stage) -> None:
    assert staged_rows("_row,speed,kind,broken,_reasons\n17,1,a,true,[]\n") == [
        {"speed": "1", "kind": "a", "broken": "true"}
    ]


def test_a_table_saved_with_row_numbers_has_a_column_without_name(staged_rows: Stage) -> None:
    assert staged_rows(",speed,broken\n0,1,true\n") == [{"column_1": "0", "speed": "1", "broken": "true"}]


def test_a_tab_before_the_first_name_is_a_column_without_name(staged_rows: Stage) -> None:
    assert staged_rows("\tspeed\tbroken\n0\t1\ttrue\n") == [{"column_1": "0", "speed": "1", "broken": "true"}]


def test_the_delimiter_is_the_one_that_finds_declared_columns(staged_rows: Stage) -> None:
    body = "speed;kind;broken;a,b,c,d,e,f\n1;x;true;1,2\n"
    assert staged_rows(body) == [{"speed": "1", "kind": "x", "broken": "true", "a,b,c,d,e,f": "1,2"}]


def test_names_with_quotes_and_brackets_are_only_names(world: World, staged_rows: Stage) -> None:
    name = "temp [K]'; DROP TABLE x; --\""
    world.definition = Definition.model_validate(
        {
            "name": "pump",
            "task": "regression",
            "data": {"target": name},
            "columns": {name: "number", "x": "number"},
        }
    )
    quoted = name.replace('"', '""')
    assert staged_rows(f'"{quoted}",x\n1,2\n') == [{name: "1", "x": "2"}]
    assert staged_rows(json.dumps({name: 1, "x": 2})) == [{name: "1", "x": "2"}]
