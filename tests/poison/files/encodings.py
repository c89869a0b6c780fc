"""Text in encodings that are rare, mixed, or none."""

import codecs

from tests.poison.poison import HEADER, SOUND_CSV, Poison, accepted, lines, noted, rejected, table

NO_TEXT = rejected("invalid_encoding")
NOTED = lines("1,1,a,süß,,true")
MIXED = noted("süß") + "1,1,a,süß,,true\n".encode("latin-1")


def spoiled(raw: bytes) -> bytes:
    """UTF-8 beyond doubt, but for one note."""
    return noted("süß", "größer") + b"1,1,a," + raw + b",,true\n"


POISON = (
    Poison("utf-8-with-mark.csv", codecs.BOM_UTF8 + NOTED.encode(), accepted(), keeps=("süß",)),
    Poison("two-marks.csv", codecs.BOM_UTF8 * 2 + NOTED.encode(), accepted(), keeps=("süß",)),
    Poison("mark-inside.csv", noted("a\ufeffb"), accepted(), keeps=("a\ufeffb",)),
    Poison("mark-only.csv", codecs.BOM_UTF8, rejected("empty_file")),
    Poison("utf-16-mark-only.csv", codecs.BOM_UTF16_LE, rejected("empty_file")),
    Poison("cp1252.csv", lines("1,1,a,süß – 5 €,,true").encode("cp1252"), accepted(), keeps=("süß – 5 €",)),
    Poison("utf-16.csv", NOTED.encode("utf-16"), accepted(), keeps=("süß",)),
    Poison("utf-16-be.csv", codecs.BOM_UTF16_BE + NOTED.encode("utf-16-be"), accepted(), keeps=("süß",)),
    Poison("utf-16-without-mark.csv", NOTED.encode("utf-16-le"), accepted(), keeps=("süß",)),
    Poison("utf-16-be-without-mark.csv", NOTED.encode("utf-16-be"), accepted(), keeps=("süß",)),
    Poison("utf-16-odd.csv", NOTED.encode("utf-16")[:-1], NO_TEXT),
    Poison("utf-16-lone-surrogate.csv", NOTED.replace("ü", "\ud800").encode("utf-16", "surrogatepass"), NO_TEXT),
    Poison("utf-32.csv", NOTED.encode("utf-32"), accepted(), keeps=("süß",)),
    Poison("utf-32-without-mark.csv", NOTED.encode("utf-32-le"), accepted(), keeps=("süß",)),
    Poison("mixed.csv", MIXED, NO_TEXT),
    Poison("mixed-after-a-mark.csv", codecs.BOM_UTF8 + MIXED, NO_TEXT),
    Poison("mixed-late.csv", noted("süß") * 400 + MIXED, NO_TEXT),
    Poison("overlong.csv", spoiled(b"\xc0\xaf"), NO_TEXT),
    Poison("surrogates-in-utf-8.csv", spoiled(b"\xed\xa0\x80"), NO_TEXT),
    Poison("beyond-unicode.csv", spoiled(b"\xf4\x90\x80\x80"), NO_TEXT),
    Poison("half-a-character-at-the-end.csv", spoiled(b"x") + b"1,1,a,\xe2\x82", NO_TEXT),
    Poison("no-text-in-any-encoding.csv", table() + b"1,1,a,\x81\x8d\x8f\x90\x9d,,true\n", NO_TEXT),
    Poison("ebcdic.csv", NOTED.encode("cp037"), rejected("invalid_encoding", "missing_columns")),
    Poison("nul-in-a-field.csv", noted("a\0b"), NO_TEXT),
    Poison("nul-at-the-end.csv", SOUND_CSV + b"\0", NO_TEXT),
    Poison("nul-in-the-header.csv", table(header=HEADER + "\0"), NO_TEXT),
    Poison("nuls-only.csv", bytes(8192), rejected("invalid_encoding", "unsupported_format")),
    Poison("hole.csv", SOUND_CSV + bytes(2**20) + SOUND_CSV, NO_TEXT),
    Poison(
        "control-characters.csv", noted("a\x0bb", "a\x1cb", "a\x7fb"), accepted(), keeps=("a\x0bb", "a\x1cb", "a\x7fb")
    ),
    Poison("unicode-line-ends.csv", noted("a\u2028b", "a\x85b"), accepted(), keeps=("a\u2028b", "a\x85b")),
    Poison("right-to-left.csv", noted("\u202egnp.exe", "\u200b"), accepted(), keeps=("\u202egnp.exe", "\u200b")),
)
