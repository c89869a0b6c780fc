"""Parts of a timestamp (UTC), in ONNX from seconds since 1970 by whole-number arithmetic that float64 does exactly.

Year, month and day follow Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days
(https://howardhinnant.github.io/date_algorithms.html). Microseconds survive as float64 seconds until the year 2242;
the parts are tested against DuckDB on every day from 1900 to 2100.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.graph import Graph, Tensor
from everloop.features.signature import Kind, all_of

_DAYS_BEFORE_1970 = 719_162  # since 0001-01-01
_SHIFT_TO_MARCH_0000 = 719_468


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
        return self.minus(self.over(divisor).times(divisor))


class _Civil(NamedTuple):
    year: _Whole
    month: _Whole
    day: _Whole


def _seconds(graph: Graph, timestamp: Tensor) -> _Whole:
    return _Whole(graph, graph.op("Floor", timestamp))


def _days(graph: Graph, timestamp: Tensor) -> _Whole:
    return _seconds(graph, timestamp).over(86_400)


def _civil(graph: Graph, timestamp: Tensor) -> _Civil:
    shifted = _days(graph, timestamp).plus(_SHIFT_TO_MARCH_0000)
    era = shifted.over(146_097)
    day_of_era = shifted.modulo(146_097)
    year_of_era = (
        day_of_era.minus(day_of_era.over(1_460)).plus(day_of_era.over(36_524)).minus(day_of_era.over(146_096)).over(365)
    )
    day_of_year = day_of_era.minus(year_of_era.times(365).plus(year_of_era.over(4)).minus(year_of_era.over(100)))
    march_month = day_of_year.times(5).plus(2).over(153)
    day = day_of_year.minus(march_month.times(153).plus(2).over(5)).plus(1)
    carry = march_month.over(10)  # 1 in January and February, which end the year that began in March
    return _Civil(year_of_era.plus(era.times(400)).plus(carry), march_month.plus(3).minus(carry.times(12)), day)


def _day_of_year(graph: Graph, timestamp: Tensor) -> Tensor:
    before = _civil(graph, timestamp).year.minus(1)
    new_year = before.times(365).plus(before.over(4)).minus(before.over(100)).plus(before.over(400))
    return _days(graph, timestamp).plus(_DAYS_BEFORE_1970 + 1).minus(new_year).tensor


def _part(name: str, node: type[exp.Expr], onnx: Callable[[Graph, Tensor], Tensor]) -> Operator:
    signature = all_of(Kind.TIMESTAMP, gives=Kind.NUMBER)
    return Operator(name, node, signature, partial("CAST({}({}) AS DOUBLE)".format, name), onnx)


CALENDAR: tuple[Operator, ...] = (
    _part("epoch", exp.TimeToUnix, lambda _, timestamp: timestamp),
    _part("minute", exp.Minute, lambda graph, timestamp: _seconds(graph, timestamp).over(60).modulo(60).tensor),
    _part("hour", exp.Hour, lambda graph, timestamp: _seconds(graph, timestamp).over(3_600).modulo(24).tensor),
    # 1970-01-01 was a Thursday, and Sunday is 0.
    _part("dayofweek", exp.DayOfWeek, lambda graph, timestamp: _days(graph, timestamp).plus(4).modulo(7).tensor),
    _part("dayofyear", exp.DayOfYear, _day_of_year),
    _part("day", exp.Day, lambda graph, timestamp: _civil(graph, timestamp).day.tensor),
    _part("month", exp.Month, lambda graph, timestamp: _civil(graph, timestamp).month.tensor),
    _part("year", exp.Year, lambda graph, timestamp: _civil(graph, timestamp).year.tensor),
)
