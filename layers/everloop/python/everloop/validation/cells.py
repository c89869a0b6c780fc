"""One declared column as checks see it: its values as SQL expressions, and what the definition says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from everloop.contracts.batches import required_columns
from everloop.contracts.definition import Column, Definition


@dataclass(frozen=True)
class Cell:
    name: str
    column: Column
    place: int
    is_required: bool = False
    is_target: bool = False

    @property
    def text(self) -> str:
        """SQL for the value as delivered; NULL when it is missing."""
        return f"t{self.place}"

    @property
    def value(self) -> str:
        """SQL for the value in its declared type; NULL when it is missing or cannot be read."""
        return f"v{self.place}"


def cells_of(definition: Definition) -> Sequence[Cell]:
    required = required_columns(definition)
    return [
        Cell(name, column, place, is_required=name in required, is_target=name == definition.data.target)
        for place, (name, column) in enumerate(definition.columns.items())
    ]
