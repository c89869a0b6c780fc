"""The table of all operators a feature may use: to add one is to add one entry to one of these modules."""

from sqlglot import exp

from everloop.features.expression import Operator
from everloop.features.operators.arithmetic import ARITHMETIC
from everloop.features.operators.calendar import CALENDAR
from everloop.features.operators.choice import CHOICE
from everloop.features.operators.comparison import COMPARISON
from everloop.features.operators.logic import LOGIC

OPERATORS: dict[type[exp.Expr], Operator] = {
    operator.node: operator for operator in (*ARITHMETIC, *COMPARISON, *LOGIC, *CHOICE, *CALENDAR)
}

WAYS_AROUND: dict[str, str] = {
    "log": "ln(x), or ln(x) / ln(10) for base 10",
    "log10": "ln(x) / ln(10)",
    "log2": "ln(x) / ln(2)",
    "pow": "x * x, or exp(y * ln(x))",
    "mod": "x - y * floor(x / y)",
    "int_div": "floor(x / y)",
    "round": "floor(x + 0.5)",
    "sign": "CASE WHEN x > 0 THEN 1 WHEN x < 0 THEN -1 ELSE 0 END",
    "tan": "sin(x) / cos(x)",
    "date_diff": "(epoch(a) - epoch(b)) / 86400",
    "datediff": "(epoch(a) - epoch(b)) / 86400",
    "date_part": "EXTRACT(hour FROM t) or hour(t)",
    "weekday": "dayofweek(t)",
    "day_of_week_iso": "dayofweek(t)",
    "second": "epoch(t) - 60 * floor(epoch(t) / 60)",
    "quarter": "ceil(month(t) / 3)",
    "like": "= or IN",
    "ilike": "= or IN",
    "cast": "nothing: numbers are float64 already, TIMESTAMP '2024-01-31' is a literal",
    "null_safe_eq": "=, or IS NULL",
    "null_safe_neq": "<>, or IS NULL",
}
"""What does the work of what is not in the table, by the parser's name for it in snake case."""
