"""Reading hints that are worth writing down, so that later files are read as this one was."""

from everloop.contracts.batches import Format, Reading
from everloop.contracts.columns import Csv


def hints_of(reading: Reading, missing: tuple[str, ...]) -> Csv:
    """What is the rule is left to be found by looking, each time; so is the encoding, which may change."""
    if reading.format is not Format.DELIMITED:
        return Csv(missing=missing)
    return Csv(
        delimiter=reading.delimiter if reading.delimiter != "," else None,
        quote=reading.quote if reading.quote not in (None, "", '"') else None,
        decimal="," if reading.decimal == "," else None,
        header=None if reading.header else False,
        names=() if reading.header else reading.columns,
        missing=missing,
    )
