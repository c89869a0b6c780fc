"""Every definition of a checkout, checked as far as it can be without data: keys, references, features, formats."""

from pathlib import Path

from everloop.contracts.definition import Definition, load_definitions
from everloop.errors import DefinitionError
from everloop.features.check import check_expressions
from everloop.reading.time_formats import check_time_formats


def checked_definitions(folder: Path) -> list[Definition]:
    """Raises DefinitionError if there is none, or with a line for each thing wrong in the first that is."""
    definitions = list(load_definitions(folder))
    if not definitions:
        raise DefinitionError(
            f"no model is defined: expected a file such as {folder.name}/churn.toml in {folder.parent}"
        )
    for definition in definitions:
        try:
            check_expressions(definition)
            check_time_formats(definition)
        except DefinitionError as error:
            lines = [f"{definition.name}.toml: {line}" for line in str(error).splitlines()]
            raise DefinitionError("\n".join(lines)) from error
    return definitions
