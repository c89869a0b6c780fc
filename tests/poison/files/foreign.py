"""Files of other kinds under a CSV's name, among them some that would run code if anything unpickled them."""

import gzip
import io
import marshal
import os
import pickle
import sqlite3
import zlib
from typing import Any

import numpy as np

from tests.poison.files.packed import zipped
from tests.poison.poison import SOUND_CSV, Poison, rejected

FOREIGN = rejected("unsupported_format")
MARKER = "/tmp/everloop-poison-was-unpickled"


class Trap:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {MARKER}",)


def pickled(protocol: int) -> bytes:
    return pickle.dumps([Trap(), {"speed": 1.5}], protocol)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Trap(), 1.5], dtype=object), allow_pickle=True)
    return file.getvalue()


def npz() -> bytes:
    return zipped(npy(), "speed.npy")


def workbook() -> bytes:
    return zipped(b"<workbook/>", "xl/workbook.xml")


def sqlite() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE pump (speed REAL)")
        return database.serialize()


def png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(4))) + chunk(b"IEND", b"")


def compiled() -> bytes:
    code = marshal.dumps(compile(f"import os; os.system('touch {MARKER}')", "rows", "exec"))
    return b"\xa7\r\r\n" + bytes(12) + code


POISON = (
    Poison("archive-of-a-csv.csv", zipped(SOUND_CSV), FOREIGN),
    Poison("workbook.csv", workbook, FOREIGN),
    Poison("old-workbook.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), FOREIGN),
    Poison("pdf.csv", b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n", FOREIGN),
    Poison("sqlite.csv", sqlite, FOREIGN),
    Poison("avro.csv", b'Obj\x01\x04\x16avro.schema\x0c"null"\0' + bytes(16), FOREIGN),
    Poison("orc.csv", b"ORC" + bytes(64) + b"ORC\x17", FOREIGN),
    Poison("arrow.csv", b"ARROW1\0\0" + bytes(64) + b"ARROW1", FOREIGN),
    Poison(
        "arrow-stream.csv",
        b"\xff\xff\xff\xff\x10\0\0\0" + bytes(64),
        rejected("unsupported_format", "invalid_encoding"),
    ),
    Poison("feather.csv", b"FEA1" + bytes(64) + b"FEA1", FOREIGN),
    Poison("hdf5.csv", b"\x89HDF\r\n\x1a\n" + bytes(88), FOREIGN),
    Poison("png.csv", png, FOREIGN),
    Poison("program.csv", b"\x7fELF\x02\x01\x01" + bytes(57), FOREIGN),
    Poison("xz.csv", b"\xfd7zXZ\0" + bytes(26), FOREIGN),
    Poison("7z.csv", b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(24), FOREIGN),
    Poison("python-bytecode.csv", compiled, rejected("unsupported_format", "invalid_encoding")),
    Poison("web-page.csv", b"<!DOCTYPE html>\n<html><body>404, not found</body></html>\n", FOREIGN),
    Poison(
        "git-lfs-pointer.csv",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        rejected("missing_columns"),
    ),
    Poison("pickle-0.csv", pickled(0), rejected("missing_columns")),
    Poison("pickle-1.csv", pickled(1), rejected("invalid_encoding", "unsupported_format", "missing_columns")),
    *(Poison(f"pickle-{protocol}.csv", pickled(protocol), FOREIGN) for protocol in range(2, 6)),
    *(Poison(f"pickle-{n}.csv.gz", gzip.compress(pickled(n), mtime=0), FOREIGN) for n in range(2, 6)),
    Poison("pickle-0.csv.gz", gzip.compress(pickled(0), mtime=0), rejected("missing_columns")),
    Poison("numpy-objects.csv", npy, FOREIGN),
    Poison("numpy-archive.csv", npz, FOREIGN),
)
