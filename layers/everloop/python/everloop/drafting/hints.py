"""Reading hints that are worth writing down, so that later files are read as this one was."""

from everloop.contracts.batches import Format, Reading
from everloop.contracts.definition import Csv

_USUAL_ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii"})


def hints_of(reading: Reading, missing: tuple[str, ...]) -> Csv:
    """What is the rule is left to be found by looking, each time."""
    encoding = reading.encoding if reading.encoding not in (None, *_USUAL_ENCODINGS) else None
    if reading.format is not Format.DELIMITED:
        return Csv(encoding=encoding, missing=missing)
    return Csv(
        delimiter=reading.delimiter if reading.delimiter != "," else None,
        quote=reading.quote if reading.quote not in (None, "", '"') else None,
        decimal="," if reading.decimal == "," else None,
        encoding=encoding,
        header=None if reading.header else False,
        names=() if reading.header else reading.columns,
        missing=missing,
    )
