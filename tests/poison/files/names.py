"""Sound rows under keys, and in definitions, that generated paths and SQL might stumble over."""

from tests.poison.poison import CLASHING, SOUND_CSV, Poison, accepted, rejected

KEYS = (
    "'); DROP TABLE pump; --.csv",
    'a "quoted" name.csv',
    "{}{0}%s.csv",
    "*.csv",
    "[a-z]?.csv",
    "../../../etc/passwd",
    "a+b c%20d.csv",
    "März/日本語 \U0001f600.csv",
    "no extension",
    "http:",
    "a\nb.csv",
)


def clashing() -> bytes:
    names = [name for name in CLASHING.columns if CLASHING.columns[name].type == "number"]
    rows = [",".join(str(i) for _ in CLASHING.columns) for i in range(20)]
    assert names[0] == "v0"
    return "\n".join([",".join(CLASHING.columns), *rows, rows[0], ""]).encode()


POISON = (
    *(Poison(key, SOUND_CSV, accepted()) for key in KEYS),
    Poison("columns-that-clash.csv", clashing, accepted(), key="uploads/clashing/rows.csv", rows=21),
    Poison("no-such-model.csv", SOUND_CSV, rejected("unknown_model"), key="uploads/fan/rows.csv"),
    Poison("model-of-dots.csv", SOUND_CSV, rejected("unknown_model"), key="uploads/../pump/rows.csv"),
    Poison("in-no-folder.csv", SOUND_CSV, rejected("unknown_model"), key="uploads/rows.csv"),
)
