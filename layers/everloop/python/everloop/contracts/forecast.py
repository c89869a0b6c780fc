"""A forecast as a user declares it: `[forecast]`, and what it looks back at, derived from that."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from everloop.contracts.base import Contract, Duration, format_duration, listed
from everloop.contracts.history import History, shortened

MAXIMUM_SEASONS = 3
"""Each gives four histories, and all of them are kept for every series."""
_SEASONAL_LAGS = 3
"""Of bike_sharing, hourly and a day ahead, three have an error of 53.1, two of 54.3, one of 56.6."""


class Forecast(Contract):
    """A series has a value each `period`, and is asked for at most one `horizon` ahead of its newest known row."""

    period: Duration
    horizon: Duration
    seasons: Annotated[tuple[Duration, ...], BeforeValidator(listed)] = Field(default=(), max_length=MAXIMUM_SEASONS)
    """After each of which the series is expected to look alike."""
    by: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """One series for each of their values; empty: all rows are of one."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name, duration in (("horizon", self.horizon), *(("seasons", season) for season in self.seasons)):
            if duration % self.period:
                raise ValueError(
                    f"{name}: expected a multiple of the period of {format_duration(self.period)},"
                    f" got {format_duration(duration)}"
                )
        if self.period in self.seasons:
            raise ValueError(f"seasons: expected more than the period of {format_duration(self.period)}")
        if len(set(self.seasons)) < len(self.seasons):
            raise ValueError("seasons: each once")
        if len(set(self.by)) < len(self.by):
            raise ValueError("by: each column once")
        return self

    @property
    def naive(self) -> tuple[str, ...]:
        """Histories that are forecasts by themselves: the newest value known, and that of each season."""
        return tuple(dict.fromkeys(map(_lag, (self.horizon, *map(self._known, self.seasons)))))

    def histories(self, target: str) -> dict[str, History]:
        """The newest value that is known, the newest three of each season, and the mean of the newest season.

        The value at t less a lag is the mean of the period that ends there: nothing within the horizon is seen.
        """
        lags = {self.horizon}
        for season in self.seasons or (self.period,):
            lags |= {self._known(season) + season * more for more in range(_SEASONAL_LAGS)}
        found = {_lag(lag): self._mean(target, self.period, lag) for lag in sorted(lags)}
        return found | {
            f"mean_{shortened(season)}": self._mean(target, season, self.horizon) for season in self.seasons
        }

    def _known(self, season: timedelta) -> timedelta:
        """The smallest multiple of it that is known at the horizon."""
        return -(-self.horizon // season) * season

    def _mean(self, target: str, over: timedelta, delay: timedelta) -> History:
        quoted = target.replace('"', '""')
        return History(value=f'mean("{quoted}")', by=self.by, over=(over,), delay=delay)


def _lag(lag: timedelta) -> str:
    return f"lag_{shortened(lag)}"
