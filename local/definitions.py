"""Every definition of a checkout, checked as far as it can be without data: keys, references, features."""

from pathlib import Path

from everloop.contracts.definition import Definition, load_definitions
from everloop.errors import DefinitionError
from everloop.features.compile import check_features


def checked_definitions(folder: Path) -> list[Definition]:
    """Raises DefinitionError with a line for each thing wrong in the first definition that is."""
    definitions = list(load_definitions(folder))
    for definition in definitions:
        try:
            check_features(definition)
        except DefinitionError as error:
            lines = [f"{definition.name}.toml: {line}" for line in str(error).splitlines()]
            raise DefinitionError("\n".join(lines)) from error
    return definitions
