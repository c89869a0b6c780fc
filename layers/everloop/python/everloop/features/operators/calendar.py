"""Parts of a timestamp (UTC), in ONNX from seconds since 1970 by whole-number arithmetic that float64 does exactly.

Year, month and day follow Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms"
(https://doi.org/10.1002/spe.3172), from the year 1 on. Microseconds survive as float64 seconds until the year 2242; the
parts are tested against DuckDB on every day from 1900 to 2100.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import Kind, SignatureError, all_of

_DAY = 86_400  # seconds
_DAYS_BEFORE_1970 = 719_162  # since 0001-01-01
_DAYS_FROM_MARCH_0000 = 719_468  # to 1970: makes what is counted positive; that 1 March was a Wednesday


class _Whole(NamedTuple):
    """Whole numbers held in float64, with the operators the formulas are written in."""

    graph: Graph
    tensor: Tensor

    def _op(self, operator: str, other: "_Whole | float") -> "_Whole":
        right = other.tensor if isinstance(other, _Whole) else self.graph.constant(float(other))
        return _Whole(self.graph, self.graph.op(operator, self.tensor, right))

    def plus(self, other: "_Whole | float") -> "_Whole":
        return self._op("Add", other)

    def minus(self, other: "_Whole | float") -> "_Whole":
        return self._op("Sub", other)

    def times(self, factor: float) -> "_Whole":
        return self._op("Mul", factor)

    def over(self, divisor: float) -> "_Whole":
        """⌊x / divisor⌋, exact: the quotient of whole numbers is never within an ulp below a whole number."""
        return _Whole(self.graph, self.graph.op("Floor", self._op("Div", divisor).tensor))

    def modulo(self, divisor: float) -> "_Whole":
        """Of a number that is not negative."""
        right = self.graph.constant(float(divisor))
        return _Whole(self.graph, self.graph.op("Mod", self.tensor, right, fmod=1))


class _Civil(NamedTuple):
    year: _Whole
    month: _Whole
    day: _Whole


def _seconds(graph: Graph, timestamp: Tensor) -> _Whole:
    return _Whole(graph, graph.op("Floor", timestamp))


def _days(graph: Graph, timestamp: Tensor) -> _Whole:
    return _seconds(graph, timestamp).over(_DAY)


def _civil(graph: Graph, timestamp: Tensor) -> _Civil:
    return _civil_of(_days(graph, timestamp))


def _civil_of(days: _Whole) -> _Civil:
    """Of a year that begins in March, so that the leap day is its last."""
    quarter_days = days.times(4).plus(4 * _DAYS_FROM_MARCH_0000 + 3)
    century = quarter_days.over(146_097)
    in_century = quarter_days.modulo(146_097)
    in_century = in_century.minus(in_century.modulo(4)).plus(3)
    year = in_century.over(1_461)
    fifths = in_century.modulo(1_461).over(4).times(5).plus(2)
    month = fifths.over(153)
    return _Civil(
        century.times(100).plus(year).plus(month.over(10)),  # January and February belong to the next year
        month.plus(2).modulo(12).plus(1),
        fifths.modulo(153).over(5).plus(1),
    )


def _day_of_year_of(days: _Whole) -> _Whole:
    before = _civil_of(days).year.minus(1)
    new_year = before.times(365).plus(before.over(4)).minus(before.over(100)).plus(before.over(400))
    return days.plus(_DAYS_BEFORE_1970 + 1).minus(new_year)


def _weekday(days: _Whole) -> _Whole:
    """0 on Monday."""
    return days.plus(_DAYS_FROM_MARCH_0000 + 2).modulo(7)


def _week(graph: Graph, timestamp: Tensor) -> Tensor:
    """ISO 8601: a week belongs to the year of its Thursday."""
    days = _days(graph, timestamp)
    return _day_of_year_of(days.minus(_weekday(days)).plus(3)).minus(1).over(7).plus(1).tensor


def midnight(graph: Graph, timestamp: Tensor) -> Tensor:
    return _days(graph, timestamp).times(_DAY).tensor


def _months(graph: Graph, timestamp: Tensor) -> _Whole:
    """Since the year 0."""
    civil = _civil(graph, timestamp)
    return civil.year.times(12).plus(civil.month).minus(1)


_COUNTS: dict[str, Callable[[Graph, Tensor], _Whole]] = {
    "SECOND": _seconds,
    "MINUTE": lambda graph, timestamp: _seconds(graph, timestamp).over(60),
    "HOUR": lambda graph, timestamp: _seconds(graph, timestamp).over(3_600),
    "DAY": _days,
    "MONTH": _months,
    "QUARTER": lambda graph, timestamp: _months(graph, timestamp).over(3),
    "YEAR": lambda graph, timestamp: _civil(graph, timestamp).year,
}
"""How many of that unit are over at a timestamp, since some fixed one."""


def _unit(node: exp.Expr) -> tuple[str]:
    unit = node.args.get("unit")
    if unit is None or unit.name not in _COUNTS:
        hint = "; for weeks write date_diff('day', a, b) // 7" if unit is not None and unit.name == "WEEK" else ""
        raise SignatureError(f"expected one of {', '.join(map(repr, map(str.lower, _COUNTS)))} first{hint}")
    return (unit.name,)


def _difference(graph: Graph, unit: str, start: Tensor, end: Tensor) -> Tensor:
    count = _COUNTS[unit]
    return count(graph, end).minus(count(graph, start)).tensor


_MOMENT = all_of(Kind.TIMESTAMP, gives=Kind.NUMBER)


def _part(name: str, node: type[exp.Expr], onnx: Callable[[Graph, Tensor], Tensor]) -> Operator:
    return Operator(name, node, _MOMENT, partial("CAST({}({}) AS DOUBLE)".format, name), onnx)


def _clock(seconds: int, cycle: int) -> Callable[[Graph, Tensor], Tensor]:
    """Units of so many seconds, counted from 0 again after `cycle` of them."""
    whole_days = _DAYS_FROM_MARCH_0000 * _DAY // seconds

    def part(graph: Graph, timestamp: Tensor) -> Tensor:
        count = _seconds(graph, timestamp)
        return (count.over(seconds) if seconds > 1 else count).plus(whole_days).modulo(cycle).tensor

    return part


def _day_of_week(graph: Graph, timestamp: Tensor) -> Tensor:
    """0 on Sunday."""
    return _days(graph, timestamp).plus(_DAYS_FROM_MARCH_0000 + 3).modulo(7).tensor


PARTS: tuple[Operator, ...] = (
    _part("epoch", exp.TimeToUnix, lambda _, timestamp: timestamp),
    _part("second", exp.Second, _clock(1, 60)),
    _part("minute", exp.Minute, _clock(60, 60)),
    _part("hour", exp.Hour, _clock(3_600, 24)),
    _part("dayofweek", exp.DayOfWeek, _day_of_week),
    _part("isodow", exp.DayOfWeekIso, lambda graph, timestamp: _weekday(_days(graph, timestamp)).plus(1).tensor),
    _part("dayofyear", exp.DayOfYear, lambda graph, timestamp: _day_of_year_of(_days(graph, timestamp)).tensor),
    _part("day", exp.Day, lambda graph, timestamp: _civil(graph, timestamp).day.tensor),
    _part("week", exp.Week, _week),
    _part("month", exp.Month, lambda graph, timestamp: _civil(graph, timestamp).month.tensor),
    _part("quarter", exp.Quarter, lambda graph, timestamp: _civil(graph, timestamp).month.plus(2).over(3).tensor),
    _part("year", exp.Year, lambda graph, timestamp: _civil(graph, timestamp).year.tensor),
)

CALENDAR: tuple[Operator, ...] = (
    *PARTS,
    Operator(
        "date_diff",
        exp.DateDiff,
        _MOMENT,
        "CAST(date_diff('{}', {}, {}) AS DOUBLE)".format,
        _difference,
        arguments=lambda node: [node.expression, node.this],
        settings=_unit,
    ),
)
