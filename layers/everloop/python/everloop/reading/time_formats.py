"""How timestamps are written, checked before the first file comes."""

import duckdb

from everloop.contracts.definition import Definition
from everloop.errors import DefinitionError


def check_time_formats(definition: Definition) -> None:
    """Raises DefinitionError with a line for each format that strptime does not know."""
    formats = {f"columns.{name}.format": column.format for name, column in definition.columns.items()}
    formats["data.csv.timestamp_format"] = definition.data.csv.timestamp_format
    wrong = []
    with duckdb.connect() as database:
        for place, written in formats.items():
            for text in written:
                try:
                    database.execute("SELECT try_strptime('2026', ?)", [text]).fetchall()
                except duckdb.Error as error:
                    reason = str(error).splitlines()[0].rpartition(f"{text}: ")[2]
                    wrong.append(f"{place}: expected a format such as '%d/%m/%Y %H:%M', got {text!r}: {reason}")
    if wrong:
        raise DefinitionError("\n".join(wrong))
