"""Every format in, the same rows out."""

import bz2
import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reading.conftest import DECLARED, Read, parquet_of, read_file

ROWS = [
    {"speed": "1.5", "kind": "a", "broken": "true"},
    {"speed": "2.5", "kind": None, "broken": "false"},
]
CSV = "speed,kind,broken\n1.5,a,true\n2.5,,false\n"
TSV = CSV.replace(",", "\t")
LINES = '{"speed": 1.5, "kind": "a", "broken": true}\n{"speed": 2.5, "kind": null, "broken": false}\n'
ARRAY = f"[{LINES.strip().replace(chr(10), ',')}]"


PARQUET = """SELECT * FROM (VALUES (1.5::DOUBLE, 'a', true), (2.5, NULL, false)) AS t(speed, kind, broken)"""
TYPED = [{"speed": 1.5, "kind": "a", "broken": True}, {"speed": 2.5, "kind": None, "broken": False}]


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
def test_each_text_format_gives_the_same_rows(read: Read, body: bytes | str) -> None:
    assert read(body) == ROWS


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstd.compress])
@pytest.mark.parametrize("body", [CSV, TSV, LINES, ARRAY])
def test_each_text_format_may_be_packed(read: Read, body: str, pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(body.encode())) == ROWS


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, zstd.compress])
def test_parquet_keeps_its_types(read: Read, tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(parquet_of(PARQUET, tmp_path))) == TYPED


def test_text_is_not_touched_until_the_definition_judges_it(read: Read) -> None:
    [row] = read('speed,kind,broken\n1e400,"00123, ""x"" NA\nnext line",1_0\n')
    assert row == {"speed": "1e400", "kind": '00123, "x" NA\nnext line', "broken": "1_0"}


def test_json_values_are_text_and_lose_nothing(read: Read) -> None:
    rows = read('{"speed": 1e400, "kind": 12345678901234567890, "broken": 0.1}\n{"speed": NaN, "broken": {"a": 1}}')
    assert rows == [
        {"speed": "1e400", "kind": "12345678901234567890", "broken": "0.1"},
        {"speed": "NaN", "kind": None, "broken": '{"a":1}'},
    ]


def test_rows_keep_the_order_of_the_file(read: Read) -> None:
    numbers = [str(number) for number in range(200_000)]
    rows = read("speed,broken\n" + "".join(f"{number},true\n" for number in numbers))
    assert [row["speed"] for row in rows] == numbers


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_a_csv_writer_writes_is_what_is_read(
    rows: list[tuple[str, str, str]], delimiter: str, line_end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([DECLARED, *rows])
    with TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_text(text.getvalue(), "utf-8", newline="")
        found = read_file(path, Path(folder))
    assert found == [dict(zip(DECLARED, (cell or None for cell in row), strict=True)) for row in rows]


def test_the_columns_of_a_quarantine_file_are_read_like_others(read: Read) -> None:
    [row] = read("_row,speed,kind,broken,_reasons\n17,1,a,true,[]\n")
    assert row == {"_row": "17", "speed": "1", "kind": "a", "broken": "true", "_reasons": "[]"}


def test_a_table_saved_with_row_numbers_has_a_column_without_name(read: Read) -> None:
    assert read(",speed,broken\n0,1,true\n") == [{"column_1": "0", "speed": "1", "broken": "true"}]


def test_a_tab_before_the_first_name_is_a_column_without_name(read: Read) -> None:
    assert read("\tspeed\tbroken\n0\t1\ttrue\n") == [{"column_1": "0", "speed": "1", "broken": "true"}]


def test_the_delimiter_is_the_one_that_finds_declared_columns(read: Read) -> None:
    body = "speed;kind;broken;a,b,c,d,e,f\n1;x;true;1,2\n"
    assert read(body) == [{"speed": "1", "kind": "x", "broken": "true", "a,b,c,d,e,f": "1,2"}]


@pytest.mark.parametrize("body", ['"{quoted}",x\n1,2\n', '"{quoted}"\tx\n1\t2\n'])
def test_names_with_quotes_and_brackets_are_only_names(read: Read, body: str) -> None:
    name = "temp [K]'; DROP TABLE x; --\""
    assert read(body.format(quoted=name.replace('"', '""')), declared=(name, "x")) == [{name: "1", "x": "2"}]
    assert read(json.dumps({name: 1, "x": 2}), declared=(name, "x")) == [{name: "1", "x": "2"}]


def test_a_header_in_brackets_is_no_json(read: Read) -> None:
    assert read("[speed],kind\n1,a\n", declared=("[speed]", "kind")) == [{"[speed]": "1", "kind": "a"}]


@pytest.mark.parametrize("name", ["ORCID", "PAREXEL", "BZh9"])
def test_a_column_may_begin_like_a_magic_number(read: Read, name: str) -> None:
    assert read(f"{name},kind\n1,a\n", declared=()) == [{name: "1", "kind": "a"}]


def test_a_quote_within_a_value_is_a_character(read: Read) -> None:
    [row] = read('speed,kind,broken\n1,5" pipe,true\n')
    assert row["kind"] == '5" pipe'


@pytest.mark.parametrize("name", ["rows[1].csv", "rows*.csv", "row?1.csv", "it's.csv", "rows.csv.gz", "ü b+c.json"])
@pytest.mark.parametrize("body", [CSV, LINES])
def test_the_name_of_a_file_says_nothing_of_it(tmp_path: Path, name: str, body: str) -> None:
    (tmp_path / "rows1.csv").write_text("speed,kind,broken\n9,another file,true\n")
    (tmp_path / name).write_text(body)
    assert read_file(tmp_path / name, tmp_path) == ROWS


def test_a_parquet_file_is_no_pattern_either(tmp_path: Path) -> None:
    (tmp_path / "rows1").write_bytes(parquet_of("SELECT 9 AS speed", tmp_path))
    (tmp_path / "rows[1]").write_bytes(parquet_of(PARQUET, tmp_path))
    assert read_file(tmp_path / "rows[1]", tmp_path) == TYPED
