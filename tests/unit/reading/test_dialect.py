"""Delimiter, quote, header and decimal sign: found in the first rows, or as the hints say."""

import pytest

from tests.unit.reading.conftest import DECLARED, Look, Read, Refuse


@pytest.mark.parametrize(
    ("body", "delimiter"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2,5;3,5\n1,6;2,6;3,6\n", ";"),
        ("a\tb\n1, 2 and 3\tx\n1\ty, z\n", "\t"),
        ("a|b|c\n1|2|3,4\n", "|"),
        ('a,b\n"1;2;3",4\n"5;6;7",8\n', ","),
        ("a,b\nx;y,2\nz,3\n", ","),
        ("a\n1\n2\n", ","),
        ("name,note\nAda,a;b\nEve,c\n", ","),
    ],
)
def test_the_delimiter_is_found(look: Look, body: str, delimiter: str) -> None:
    assert look(body, declared=()).delimiter == delimiter


def test_a_declared_delimiter_may_be_any_character(read: Read) -> None:
    assert read("a b\n1 2\n", declared=(), delimiter=" ") == [{"a": "1", "b": "2"}]
    assert read("a,b\n1,2\n", declared=(), delimiter=";") == [{"a,b": "1,2"}]


def test_single_quotes_are_found_where_they_wrap_a_column(read: Read) -> None:
    body = "'a','b'\n'1','x, y'\n'2','it''s'\n"
    assert read(body, declared=()) == [{"a": "1", "b": "x, y"}, {"a": "2", "b": "it's"}]
    assert read("a,b\n1,'tis\n2,Martha's\n", declared=())[1]["b"] == "Martha's"
    assert read("a,b\n'1',2\n'3',4\n", declared=(), quote='"')[0]["a"] == "'1'"


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ("speed,kind,broken\n1,a,true\n", True),
        ("1,a,true\n2,b,false\n", False),
        ("1,a\n2,b\n", True),  # not as wide as what is declared: nobody could name its columns
        ("velocity,sort,defect\n1,a,true\n", True),
        ("one,a,true\ntwo,b,false\n", True),  # nothing tells; most files have one
        ("2026-01-01,a,true\n2026-01-02,b,true\n", False),
    ],
)
def test_a_first_line_of_data_is_no_header(look: Look, body: str, header: bool) -> None:
    reading = look(body)
    assert reading.header is header
    if not header:
        assert reading.columns == DECLARED


def test_without_a_definition_a_headerless_file_has_numbered_columns(read: Read) -> None:
    assert read("1,a\n2,b\n", declared=()) == [
        {"column_1": "1", "column_2": "a"},
        {"column_1": "2", "column_2": "b"},
    ]
    assert read("1,a\n2,b\n", declared=(), header=True) == [{"1": "2", "a": "b"}]
    assert len(read("x,y\n2,b\n", declared=(), header=False)) == 2


def test_names_are_for_files_without_a_header_and_do_no_harm_to_others(read: Read, refuse: Refuse) -> None:
    row = {"speed": "1", "kind": "a"}
    assert read("1,a\n", names=("speed", "kind")) == [row]
    assert read("speed,kind\n1,a\n", names=("speed", "kind")) == [row]
    error = refuse("1,a,true\n", names=("speed", "kind"))
    assert (error.reason, error.detail[:28]) == ("ragged_rows", "line 1: expected 2 values, o")


@pytest.mark.parametrize(
    ("body", "decimal"),
    [
        ("a;b\n1,5;x\n-3,25;y\n", ","),
        ("a;b\n1,5;2.5\n", "."),
        ("a;b\n1;2\n", "."),
        ("a;b\n1,5;18.00.00\n;19.00.00\n", ","),
        ("a;b\n1,5 and 2;x\n", "."),
        ("a,b\n1,5\n", "."),
        ("a;b\n1,5;x\n-200;y\nn/a;z\n", ","),
    ],
)
def test_a_decimal_comma_is_found(look: Look, body: str, decimal: str) -> None:
    assert look(body, declared=(), missing=("n/a",)).decimal == decimal


def test_a_declared_decimal_sign_is_believed(look: Look) -> None:
    assert look("a;b\n1,5;2,5\n", declared=(), decimal=".").decimal == "."
    assert look('{"a": "1,5"}', declared=(), decimal=",").decimal == ","


def test_a_row_number_column_does_not_hide_the_header(look: Look) -> None:
    assert look(",speed,kind\n0,1,a\n1,2,b\n", declared=()).columns == ("column_1", "speed", "kind")
