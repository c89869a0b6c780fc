"""Delimited text whose lines, quotes or column names are not what they should be."""

from tests.poison.poison import HEADER, SOUND, SOUND_CSV, Poison, accepted, noted, rejected, table

MIB = 2**20
RAGGED = rejected("ragged_rows")
ROW = "1,1,a,b,,true"


def wide(columns: int) -> bytes:
    """Sound rows with so many more columns."""
    more = "".join(f",x{i}" for i in range(columns))
    return "\n".join([HEADER + more, *(row + ",1" * columns for row in SOUND[:4]), ""]).encode()


def named(*names: str) -> bytes:
    """Sound rows with more columns of these names, written as they stand in the file."""
    return "\n".join([",".join([HEADER, *names]), *(row + ",1" * len(names) for row in SOUND), ""]).encode()


def ends(*each: str) -> bytes:
    rows = [HEADER, *SOUND]
    return "".join(row + each[i % len(each)] for i, row in enumerate(rows)).encode()


POISON = (
    Poison("zero-bytes.csv", b"", rejected("empty_file")),
    Poison("blanks-only.csv", b" \n\t\r\n  \n", rejected("empty_file")),
    Poison("many-blanks-only.csv", b" \n" * MIB, rejected("empty_file")),
    Poison("header-only.csv", HEADER.encode() + b"\n", rejected("no_rows")),
    Poison("header-without-line-end.csv", HEADER.encode(), rejected("no_rows")),
    Poison("header-and-blank-lines.csv", HEADER.encode() + b"\n\n\n", rejected("no_rows")),
    Poison("no-header.csv", "\n".join(SOUND).encode(), accepted(), keeps=("fine",), rows=20),
    Poison("blank-lines-before.csv", b"\n\n  \n" + SOUND_CSV, accepted()),
    Poison("blank-lines-between.csv", table("", ""), accepted()),
    Poison("no-line-end-at-the-end.csv", SOUND_CSV.rstrip(b"\n"), accepted()),
    Poison("one-giant-line.csv", b"x" * (20 * MIB), rejected("too_many_columns", "field_too_long", "missing_columns")),
    Poison("one-giant-line-of-commas.csv", b"," * (20 * MIB), rejected("too_many_columns")),
    Poison("giant-field.csv", noted("x" * (3 * MIB)), rejected("field_too_long")),
    Poison("giant-quoted-field.csv", noted('"' + "x\n" * (3 * MIB) + '"'), rejected("field_too_long")),
    Poison("giant-field-at-the-end.csv", SOUND_CSV + b"1,1,a," + b"x" * (40 * MIB), rejected("field_too_long")),
    Poison(
        "giant-open-quote-at-the-end.csv",
        SOUND_CSV + b'1,1,a,"' + b"x\n" * (8 * MIB),
        rejected("field_too_long", "unreadable_file"),
    ),
    Poison("long-open-quote-at-the-end.csv", SOUND_CSV + b'1,1,a,"' + b"x\n" * 50_000, rejected("unreadable_file")),
    Poison("long-field.csv", noted("x" * (MIB // 2)), accepted(), keeps=("x" * (MIB // 2),)),
    Poison("3000-columns.csv", wide(3_000), rejected("too_many_columns")),
    Poison("200000-columns.csv", lambda: wide(200_000), rejected("too_many_columns")),
    Poison("1500-columns.csv", wide(1_500), accepted(), rows=4),
    Poison("quote-open-from-the-start.csv", b'"' + SOUND_CSV, rejected("unreadable_file", "missing_columns")),
    Poison("quote-open-in-the-middle.csv", noted('"b'), rejected("unreadable_file", "ragged_rows")),
    Poison("quote-open-at-the-end.csv", SOUND_CSV + b'1,1,a,"b,,true\n', rejected("unreadable_file", "ragged_rows")),
    Poison("quote-closed-too-early.csv", noted('"b"c'), rejected("unreadable_file")),
    Poison("quote-within-a-field.csv", noted('5" pipe'), accepted(), keeps=('5" pipe',)),
    Poison(
        "quoted-well.csv",
        noted('"a ""b"" c"', '"two\nlines"', '"a,b"', '""""'),
        accepted(),
        keeps=('a "b" c', "two\nlines", "a,b", '"'),
    ),
    Poison("short-row.csv", table("1,1,a"), RAGGED),
    Poison("long-row.csv", table(ROW + ",more"), RAGGED),
    Poison("short-row-of-a-long-value.csv", table("1,1," + "x" * 5_000), RAGGED),
    Poison("long-row-of-many-values.csv", wide(1_500) + b"1," * 1_510 + b"1\n", RAGGED),
    Poison("short-last-row.csv", SOUND_CSV + b"1,1\n", RAGGED),
    Poison("cut-off-last-row.csv", SOUND_CSV + b"1,1,a", RAGGED),
    Poison("long-first-row.csv", SOUND_CSV.replace(b"true", b"true,more", 1), RAGGED),
    Poison("ragged-late.csv", lambda: SOUND_CSV + SOUND[0].encode().join([b"", b"\n"]) * 200_000 + b"1,1\n", RAGGED),
    Poison(
        "delimiter-after-each-row.csv",
        "\n".join([HEADER, *(row + "," for row in SOUND)]).encode(),
        accepted(),
        keeps=("fine",),
        rows=20,
    ),
    Poison("unquoted-delimiters.csv", noted("well, well, well"), RAGGED),
    Poison("crlf.csv", ends("\r\n"), accepted()),
    Poison("cr-only.csv", ends("\r"), accepted()),
    Poison("mixed-line-ends.csv", ends("\r\n", "\n"), accepted()),
    Poison("line-ends-change.csv", ends("\r\n") + (SOUND[0] + "\n").encode() * 10, accepted(), rows=30),
    Poison("cr-among-lf.csv", ends("\n", "\n", "\r"), accepted()),
    Poison("duplicate-columns.csv", named("speed"), rejected("duplicate_columns")),
    Poison("duplicate-columns-by-case.csv", named("SPEED"), rejected("duplicate_columns")),
    Poison("duplicate-undeclared-columns.csv", named("x", "x"), rejected("duplicate_columns")),
    Poison("lookalike-column.csv", SOUND_CSV.replace(b"speed", "spe\u0435d".encode()), rejected("missing_columns")),
    Poison("empty-column-names.csv", named("", "", " "), accepted()),
    Poison("reserved-columns.csv", named("_row", "_reasons"), accepted()),
    Poison("columns-of-sql.csv", named("'); DROP TABLE pump; --", '"a ""quoted"" one"', "; SELECT 1", "*"), accepted()),
    Poison("columns-of-templates.csv", named("{}", "{0}", "%s", "$1", "?", "\\", "{{speed}}"), accepted()),
    Poison("columns-of-paths.csv", named("../../etc/passwd", "C:\\", "/dev/null", "s3://lake"), accepted()),
    Poison(
        "columns-of-the-reader.csv", named("c0", "r0", "v0", "d0", "filename", "file_row_number", "rowid"), accepted()
    ),
    Poison("long-column-name.csv", named("n" * 70_000), accepted()),
)
