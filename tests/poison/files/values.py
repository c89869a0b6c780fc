"""Values that some reader would take for something else: each costs its row, not the file."""

from tests.poison.poison import Poison, accepted, noted, rejected, table, with_cells

INJECTED = ("=cmd|'/C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0", "+1+1", "-2+3", '=HYPERLINK("http://x.y")')


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


POISON = (
    Poison("numbers-too-large.csv", with_cells("speed", "1e400", "-1e400"), accepted(not_finite=2)),
    Poison("digits-without-end.csv", with_cells("speed", "9" * 5_000), accepted(not_finite=1)),
    Poison("digits-to-the-limit.csv", with_cells("speed", "9" * 1_000_000), accepted(not_finite=1)),
    Poison("letters-to-the-limit.csv", with_cells("speed", "1" * 999_999 + "x"), accepted(wrong_type=1)),
    Poison("digits-for-a-time.csv", with_cells("at", "1" * 100_000 + "-"), accepted(wrong_type=1)),
    Poison("numbers-infinite.csv", with_cells("speed", "inf", "-Infinity", "INF"), accepted(not_finite=3)),
    Poison("not-a-number.csv", with_cells("speed", "nan", "NaN", "-nan"), accepted(not_finite=3)),
    Poison("numbers-too-small.csv", with_cells("speed", "1e-400", "-0", "4.9e-324"), accepted(), rows=23),
    Poison(
        "numbers-of-programmers.csv",
        with_cells("speed", "0x1F", "1_000", "0b11", "0x1p3", "1d5"),
        accepted(wrong_type=5),
    ),
    Poison("digits-of-others.csv", with_cells("speed", "١٢٣", "１２", "½", "²"), accepted(wrong_type=4)),
    Poison(
        "numbers-in-prose.csv", with_cells("speed", "5%", "$5", "5 km/h", "1 000", "--5", "1e"), accepted(wrong_type=6)
    ),
    Poison("numbers-with-thousands.csv", with_cells("speed", '"1,000"', '"1,000.5"'), accepted(wrong_type=2)),
    Poison("missing-words.csv", with_cells("speed", "NULL", "N/A", "-", "None", "#N/A"), accepted(wrong_type=5)),
    Poison("numbers-missing.csv", with_cells("speed", "", '""', "  "), accepted(missing_value=3)),
    Poison("formulas-for-numbers.csv", with_cells("speed", "=1+1", "=A1"), accepted(wrong_type=2)),
    Poison(
        "integers-beyond-64-bits.csv",
        with_cells("count", "9223372036854775808", "-9223372036854775809", "1e30"),
        accepted(wrong_type=3),
    ),
    Poison(
        "integers-at-the-edge.csv",
        with_cells("count", "9223372036854775807", "-9223372036854775808"),
        accepted(),
        rows=22,
    ),
    Poison("integers-that-are-none.csv", with_cells("count", "12.5", "0x10", "1e-3", "true"), accepted(wrong_type=4)),
    Poison(
        "booleans-of-all-countries.csv", with_cells("broken", "ja", "on", "2", "-1", "truee"), accepted(wrong_type=5)
    ),
    Poison("booleans-missing.csv", with_cells("broken", "", " "), accepted(target_missing=2)),
    Poison(
        "days-that-never-were.csv",
        with_cells("at", "0000-00-00", "2026-02-31", "2026-13-01", "2025-02-29"),
        accepted(wrong_type=4),
    ),
    Poison("years-too-far.csv", with_cells("at", "99999-01-01", "10000-01-01", "-0001-01-01"), accepted(wrong_type=3)),
    Poison(
        "times-that-never-were.csv", with_cells("at", "2026-01-01T25:00", "2026-01-01T12:61"), accepted(wrong_type=2)
    ),
    Poison("leap-second.csv", with_cells("at", "2016-12-31T23:59:60Z"), accepted(wrong_type=1)),
    Poison(
        "words-for-times.csv",
        with_cells("at", "now", "today", "epoch", "infinity", "-infinity"),
        accepted(wrong_type=5),
    ),
    Poison("injected-formulas.csv", noted(*map(quoted, INJECTED)), accepted(), keeps=INJECTED),
    Poison("injected-commands.csv", noted("$(reboot)", "`id`", "%0a"), accepted(), keeps=("$(reboot)", "`id`", "%0a")),
    Poison(
        "all-rows-wrong.csv",
        table(*["x,1,a,b,,true"] * 40),
        rejected("type_broken", "too_many_invalid_rows", wrong_type=40),
    ),
)
