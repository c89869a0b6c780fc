"""The moments that a request names: what was known then, what a training would take."""

from datetime import UTC, datetime

from everloop.errors import RequestError

FIRST_YEAR = 1900
"""A window of any length can be counted back from it."""


def parse_moment(name: str, text: str, *, error: type[RequestError] = RequestError) -> datetime:
    """In UTC, which it is taken for without an offset; raises the error."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as cause:
        raise error(f"{name}: expected a timestamp such as 2026-01-31T00:00:00Z, got {text[:80]!r}") from cause
    if moment.year < FIRST_YEAR:
        raise error(f"{name}: expected a timestamp of the years {FIRST_YEAR} to 9999, got {text[:80]!r}")
    return moment
