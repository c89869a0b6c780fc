"""The arithmetic of windows, in SQL and in Python: whole microseconds since the year 1, so that none is negative."""

from datetime import timedelta

from everloop.contracts.history import HistoryFeature

_YEAR_1_US = 62_135_596_800_000_000
"""From 0001-01-01 to 1970-01-01, a multiple of every step."""
_US = timedelta(microseconds=1)


def us_sql(timestamp: str) -> str:
    return f"(epoch_us({timestamp}) + {_YEAR_1_US})"


def us_of(epoch_seconds: float) -> int:
    return round(epoch_seconds * 1e6) + _YEAR_1_US


def event_step_sql(feature: HistoryFeature, us: str) -> str:
    """SQL: the step in which an event lies."""
    step = feature.step // _US
    return f"(({us} + {step - 1}) // {step})"


def row_step_sql(feature: HistoryFeature, us: str) -> str:
    """SQL: the last step that counts for a row."""
    if feature.delay:
        return f"(({us} - {feature.delay // _US}) // {feature.step // _US})"
    return f"({event_step_sql(feature, us)} - 1)"


def row_step(feature: HistoryFeature, us: int) -> int:
    step = feature.step // _US
    return (us - feature.delay // _US) // step if feature.delay else -(-us // step) - 1
