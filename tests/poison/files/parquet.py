"""Parquet that is damaged, lies about itself, or holds what no table of values holds."""

import base64
import gzip
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from tests.poison.poison import Poison, accepted, rejected

MAGIC = b"PAR1"
ZSTD = b"\x28\xb5\x2f\xfd"
BROKEN = rejected("unreadable_file")
ROWS = 12_345
"""Its varint has three bytes and occurs nowhere by chance."""
SOUND = {
    "speed": "range + 0.5",
    "count": "range",
    "kind": "'a'",
    "note": "'note ' || range",
    "broken": "range % 2 = 0",
}
COLUMNS = ", ".join(f"{sql} AS {name}" for name, sql in SOUND.items())
INT96 = base64.b85decode(
    b"c-nQ4!D_-l5QhJR?IIq$&Ei51xnxm@Qj7JpP(2nrNRHkTU9gmzbYt76=o|S!eS|_Uj)}eLGQ<2Z-^|bKYLQI{lv0|KU?E9H076a?"
    b"pn1PfZ54CwTe3Gnz<($I5;be)deplz5RlNzNAzXA*}1ozB&eH&{kytyZp$p|FhB4-3t9N`)$O5#j<hw1sH+nReW8gPDpQ&1JV$hP"
    b"3}J^-8whqf)3T*`UxOB^FzXvATJ+-B;8Qg<$KVRDegY*-hYJRAmHYP(cNlG|YLt6le#M{8*DvKhewdB##}jS&_BQaxx#Dj>0e3?)"
    b"?f"
)
"""Two rows with a timestamp of 12 bytes, as Spark and Impala wrote them; no writer here can."""


def parquet(query: str, options: str = "COMPRESSION uncompressed") -> bytes:
    with TemporaryDirectory() as folder, duckdb.connect() as database:
        path = Path(folder, "rows.parquet")
        database.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, {options})")
        return path.read_bytes()


def sound(rows: int = ROWS) -> bytes:
    return parquet(f"SELECT {COLUMNS} FROM range({rows})")


def made(query: str, options: str = "COMPRESSION uncompressed") -> Callable[[], bytes]:
    return lambda: parquet(query, options)


def with_column(name: str, sql: str) -> Callable[[], bytes]:
    """Twenty rows, sound but for one column."""
    columns = ", ".join(f'{value} AS "{column}"' for column, value in {**SOUND, name: sql}.items())
    return made(f"SELECT {columns} FROM range(20)")


def footer_length(length: int) -> Callable[[], bytes]:
    return lambda: sound()[:-8] + (length % 2**32).to_bytes(4, "little") + MAGIC


def random_footer() -> bytes:
    body = sound()
    size = int.from_bytes(body[-8:-4], "little")
    return body[: -8 - size] + random.Random(7).randbytes(size) + body[-8:]


def varint(number: int) -> bytes:
    """As thrift's compact protocol writes a positive integer."""
    rest, digits = number * 2, []
    while rest > 127:
        digits.append(rest % 128 + 128)
        rest //= 128
    return bytes([*digits, rest])


def lying(told: int, *places: int) -> Callable[[], bytes]:
    """With another number of rows in the footer: first the file's, then the columns', last the row group's."""

    def make() -> bytes:
        body = sound()
        start = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
        parts = body[start:].split(varint(ROWS))
        assert len(varint(told)) == len(varint(ROWS))
        assert len(parts) == 2 + len(SOUND) + 1
        numbers = [varint(told if place in places else ROWS) for place in range(len(parts) - 1)]
        return body[:start] + b"".join(part + number for part, number in zip(parts, [*numbers, b""], strict=True))

    return make


def moved(column: str, offset: int) -> Callable[[], bytes]:
    """A column whose data are said to lie elsewhere."""

    def make() -> bytes:
        body = sound()
        with TemporaryDirectory() as folder, duckdb.connect() as database:
            path = Path(folder, "rows.parquet")
            path.write_bytes(body)
            [(old,)] = database.execute(
                "SELECT data_page_offset FROM parquet_metadata(?) WHERE path_in_schema = ?", [str(path), column]
            ).fetchall()
        assert len(varint(old)) == len(varint(offset))
        return body.replace(varint(old), varint(offset))

    return make


def overwritten(mark: bytes, place: int, options: str = "COMPRESSION zstd") -> Callable[[], bytes]:
    """With random bytes where that mark stands for the n-th time."""

    def make() -> bytes:
        parts = parquet(f"SELECT {COLUMNS} FROM range({ROWS})", options).split(mark)
        return mark.join(parts[:place]) + random.Random(7).randbytes(64) + mark.join(parts[place:])[64 - len(mark) :]

    return make


POISON = (
    Poison("magic-only.parquet", MAGIC, BROKEN),
    Poison("magic-twice.parquet", MAGIC * 2, BROKEN),
    Poison("magic-and-text.parquet", MAGIC + b",count\n1,2\n", BROKEN),
    Poison("cut-off.parquet", lambda: sound()[:100_000], BROKEN),
    Poison("cut-off-in-the-footer.parquet", lambda: sound()[:-100], BROKEN),
    Poison(
        "without-its-beginning.parquet", lambda: sound()[1_000:], rejected("invalid_encoding", "unsupported_format")
    ),
    Poison("footer-of-zero-bytes.parquet", footer_length(0), BROKEN),
    Poison("footer-of-four-gib.parquet", footer_length(2**32 - 1), BROKEN),
    Poison("footer-of-two-gib.parquet", footer_length(2**31 - 1), BROKEN),
    Poison("footer-larger-than-the-file.parquet", footer_length(10**6), BROKEN),
    Poison("footer-of-random-bytes.parquet", random_footer, BROKEN),
    Poison(
        "encrypted.parquet",
        lambda: b"PARE" + sound()[4:-4] + b"PARE",
        rejected("unreadable_file", "unsupported_format"),
    ),
    Poison("more-rows-told-than-there-are.parquet", lying(1_000_000, 0), BROKEN),
    Poison("fewer-rows-told-than-there-are.parquet", lying(9_000, 0), BROKEN),
    Poison("more-rows-told-everywhere.parquet", lying(1_000_000, *range(7)), BROKEN),
    Poison("fewer-rows-told-in-the-row-group.parquet", lying(9_000, 6), BROKEN),
    Poison("more-values-told-in-one-column.parquet", lying(1_000_000, 2), BROKEN),
    Poison("column-beyond-the-end.parquet", moved("note", 1_000_000), BROKEN),
    Poison("column-in-another-column.parquet", moved("note", 100_000), BROKEN),
    Poison("page-header-overwritten.parquet", lambda: sound()[:4] + b"\xff" * 16 + sound()[20:], BROKEN),
    Poison("page-overwritten.parquet", overwritten(ZSTD, 2), BROKEN),
    Poison("dictionary-overwritten.parquet", lambda: sound().replace(b"\x01\0\0\0a", b"\xff\xff\xff\x7fa"), BROKEN),
    Poison(
        "text-that-is-no-utf-8.parquet",
        lambda: sound().replace(b"note 77", b"\xff\xfete 77"),
        rejected("unreadable_file", "invalid_encoding"),
    ),
    Poison("zero-rows.parquet", lambda: sound(0), rejected("no_rows")),
    Poison(
        "3000-columns.parquet",
        made(f"SELECT {COLUMNS}, {', '.join(f'1 AS x{i}' for i in range(3_000))} FROM range(20)"),
        rejected("too_many_columns"),
    ),
    Poison(
        "columns-that-differ-in-case.parquet",
        lambda: parquet(f"SELECT {COLUMNS}, 1 AS spied FROM range(20)").replace(b"spied", b"SPEED"),
        rejected("duplicate_columns"),
    ),
    Poison(
        "columns-of-the-same-name.parquet",
        lambda: parquet(f"SELECT {COLUMNS}, 1 AS spied FROM range(20)").replace(b"spied", b"speed"),
        rejected("duplicate_columns"),
    ),
    Poison(
        "columns-of-sql.parquet",
        made(
            f"""SELECT {COLUMNS}, 1 AS "'); DROP TABLE pump; --", 2 AS "a "" b", 3 AS "{{}}", 4 AS " " FROM range(20)"""
        ),
        accepted(),
    ),
    Poison(
        "columns-of-the-reader.parquet",
        made(
            f"SELECT {COLUMNS}, 1 AS file_row_number, 2 AS filename, 3 AS r0, 4 AS v0, 5 AS d0, 6 AS c0, 7 AS _row,"
            " 8 AS rowid FROM range(20)"
        ),
        accepted(),
    ),
    Poison(
        "nested-columns.parquet",
        made(f"SELECT {COLUMNS}, [1, 2] AS list, {{'a': 1}} AS struct, MAP {{'k': 1}} AS map FROM range(20)"),
        accepted(),
    ),
    Poison("lists-for-numbers.parquet", with_column("speed", "[range + 0.5]"), rejected("type_broken", wrong_type=20)),
    Poison(
        "structs-for-numbers.parquet", with_column("speed", "{'kmh': range}"), rejected("type_broken", wrong_type=20)
    ),
    Poison(
        "bytes-for-numbers.parquet", with_column("speed", "'\\xFF\\x00'::BLOB"), rejected("type_broken", wrong_type=20)
    ),
    Poison(
        "times-for-numbers.parquet", with_column("speed", "TIME '12:00:00'"), rejected("type_broken", wrong_type=20)
    ),
    Poison("texts-for-numbers.parquet", with_column("speed", "(range + 0.5)::VARCHAR"), accepted()),
    Poison(
        "decimals-of-128-bits.parquet",
        with_column("speed", "12345678901234567890123456789012345.678::DECIMAL(38, 3)"),
        accepted(),
    ),
    Poison(
        "integers-of-128-bits.parquet",
        with_column("count", "(170141183460469231731687303715884105727 - range)::HUGEINT"),
        rejected("type_broken", wrong_type=20),
    ),
    Poison(
        "unsigned-beyond-64-bits.parquet",
        with_column("count", "if(range < 2, 18446744073709551615, range)::UBIGINT"),
        accepted(wrong_type=2),
        rows=20,
    ),
    Poison(
        "numbers-infinite.parquet",
        with_column("speed", "if(range < 3, ['nan', 'inf', '-inf'][range + 1], '1')::DOUBLE"),
        accepted(not_finite=3),
        rows=20,
    ),
    Poison(
        "half-numbers-for-integers.parquet",
        with_column("count", "if(range < 2, 1.5, range)::DOUBLE"),
        accepted(wrong_type=2),
        rows=20,
    ),
    Poison(
        "missing-numbers.parquet",
        with_column("speed", "if(range < 3, NULL, range)::DOUBLE"),
        accepted(missing_value=3),
        rows=20,
    ),
    Poison("integers-for-booleans.parquet", with_column("broken", "range % 2"), accepted()),
    Poison("nanoseconds.parquet", with_column("at", "'2026-01-01 00:00:00.123456789'::TIMESTAMP_NS"), accepted()),
    Poison("zoned-times.parquet", with_column("at", "'2026-01-01 00:00:00+05'::TIMESTAMPTZ"), accepted()),
    Poison("dates.parquet", with_column("at", "DATE '2026-01-01'"), accepted()),
    Poison(
        "dates-too-far.parquet",
        with_column("at", "if(range < 3, ['infinity', '-infinity', '99999-01-01'][range + 1], '2026-01-01')::DATE"),
        accepted(wrong_type=3),
        rows=20,
    ),
    Poison(
        "times-too-far.parquet",
        with_column("at", "if(range < 2, ['290000-01-01', '0044-03-15 (BC)'][range + 1], '2026-01-01')::TIMESTAMP"),
        accepted(wrong_type=2),
        rows=20,
    ),
    Poison("times-of-12-bytes.parquet", zlib.decompress(INT96), accepted(), rows=2),
    Poison(
        "nul-in-a-text.parquet",
        with_column("note", "if(range = 3, 'a' || chr(0) || 'b', 'fine')"),
        accepted(nul_character=1),
        rows=20,
    ),
    Poison(
        "giant-text.parquet",
        with_column("note", "if(range = 3, repeat('x', 3000000), 'fine')"),
        rejected("field_too_long"),
    ),
    Poison("gzipped.parquet.gz", lambda: gzip.compress(sound(20), mtime=0), accepted()),
    Poison("gzipped-inside.parquet", made(f"SELECT {COLUMNS} FROM range(20)", "COMPRESSION gzip"), accepted()),
    Poison(
        "bomb-of-texts.parquet",
        made(
            "SELECT range AS speed, repeat('x', 900_000) AS note, true AS broken FROM range(1_000)", "COMPRESSION zstd"
        ),
        accepted(),
        rows=1_000,
    ),
    Poison(
        "bomb-of-rows.parquet",
        made("SELECT 1::TINYINT AS speed, true AS broken FROM range(100_000_000)", "COMPRESSION zstd"),
        rejected("unpacks_too_large"),
    ),
)
