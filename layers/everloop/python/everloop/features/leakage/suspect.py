"""What a detector says of a column it suspects."""

from typing import NamedTuple


class Suspect(NamedTuple):
    column: str
    evidence: str
    """A clause that follows the column's name: "alone it tells the target: …"."""
    strength: float
    """1.0: not one row contradicts it."""
