"""The strict base of all contracts, and durations as people write them."""

import difflib
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator

_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_LONGEST_S = 1_000 * 365 * 86_400
"""Counted back from any moment of a request, it stays within the years that a datetime can hold."""
_DURATION = re.compile(r"(\d+) (minute|hour|day|week)s?")


class Contract(BaseModel):
    """Frozen, and a stranger's key is an error that names the nearest valid one.

    NaN and infinity are refused: JSON has neither, so what carried one could be written and never read again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(sorted(known))}"
                raise ValueError(f"unknown key {key!r}; {hint}")
        return value


def listed(value: Any) -> Any:
    """One value is short for a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


def parse_duration(text: Any) -> Any:
    """`"90 days"` → timedelta, and a timedelta is one already; a number is refused: of what?"""
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match or int(match[1]) == 0:
        raise ValueError(f"expected a duration such as '90 days', '12 hours' or '1 week', got {text!r}")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST_S:
        raise ValueError(f"expected a duration of at most 1,000 years, got {text!r}")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The inverse of `parse_duration`, in the largest unit that divides it."""
    seconds = int(duration.total_seconds())
    for unit, size in reversed(_UNITS.items()):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    raise ValueError(f"expected whole minutes, got {duration}")


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
