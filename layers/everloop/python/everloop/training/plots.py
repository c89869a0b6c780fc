"""The plots of a version's card, each drawn from its metrics.json alone: one function for each, one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from everloop.training.svg import Axis, Bar, Chart, axis_over, bar_chart, heat_map

MOST_BARS = 10

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Plot:
    title: str
    """Also what the card says where it is not shown."""
    svg: str


def draw_plots(metrics: Metrics) -> dict[str, Plot]:
    """File name → plot, of those that the model's task has."""
    drawn = {name: draw(metrics) for name, draw in PLOTS.items()}
    return {name: plot for name, plot in drawn.items() if plot}


def roc(metrics: Metrics) -> Plot | None:
    points = metrics["roc"]
    if not points:
        return None
    area = metrics["candidate"]["roc_auc"]
    title = f"ROC curve, area {area:.3f}"
    told = "Share of positives found against share of false alarms; the dashed diagonal is chance."
    chart = Chart(title, told, Axis("false positive rate", 0, 1), Axis("true positive rate", 0, 1))
    chart.line([(0, 0), (1, 1)], dashed=True)
    chart.line(points)
    return Plot(title, chart.to_svg())


def residuals(metrics: Metrics) -> Plot | None:
    bins = metrics["residuals"]
    if not bins:
        return None
    title = "Residuals along the predictions"
    told = (
        "Actual minus predicted in equally filled bins: dots are medians, bars go from the 10 % to the 90 % quantile."
    )
    x = axis_over("predicted", (each["predicted"] for each in bins))
    y = axis_over("actual − predicted", [0.0, *(each[end] for each in bins for end in ("low", "high"))])
    chart = Chart(title, told, x, y)
    chart.spans((each["predicted"], each["low"], each["high"]) for each in bins)
    chart.line([(x.low, 0), (x.high, 0)], dashed=True)
    chart.dots((each["predicted"], each["median"]) for each in bins)
    return Plot(title, chart.to_svg())


def reliability(metrics: Metrics) -> Plot | None:
    found = metrics["reliability"]
    if not found:
        return None
    title = f"Reliability, expected calibration error {found['expected_calibration_error']:.3f}"
    what = {"positive": "positives", "label": "right labels"}[found["of"]]
    told = f"Observed share of {what} against the mean promised probability in equally filled bins; dashed is equal."
    chart = Chart(title, told, Axis("promised probability", 0, 1), Axis("observed share", 0, 1))
    points = [(each["predicted"], each["observed"]) for each in found["bins"]]
    chart.line([(0, 0), (1, 1)], dashed=True)
    chart.line(points)
    chart.dots(points)
    return Plot(title, chart.to_svg())


def confusion(metrics: Metrics) -> Plot | None:
    found = metrics["confusion"]
    if not found:
        return None
    title = f"Confusion, accuracy {metrics['candidate']['accuracy']:.3f}"
    told = "Rows of each actual class by the label they got; a cell is the darker, the larger its share of the row."
    names = ["all others" if label is None else str(label) for label in found["labels"]]
    return Plot(title, heat_map(title, told, names, found["counts"], rows="actual", columns="label"))


def importance(metrics: Metrics) -> Plot | None:
    found = metrics["importance"][:MOST_BARS]
    if not found:
        return None
    title = "Permutation importance"
    told = f"By how much {metrics['metric']} gets worse when the values of one column are shuffled."
    bars = [
        Bar(each["column"], each["loss"], each["loss"] - each["spread"], each["loss"] + each["spread"])
        for each in found
    ]
    axis = axis_over(f"loss of {metrics['metric']}", [0.0, *(end for bar in bars for end in (bar.low, bar.high))])
    return Plot(title, bar_chart(title, told, axis, bars, reference=0))


def slices(metrics: Metrics) -> Plot | None:
    found = metrics["slices"]["parts"][:MOST_BARS]
    if not found:
        return None
    name, whole = metrics["metric"], metrics["candidate"][metrics["metric"]]
    title = f"The worst slices by {name}"
    told = f"Each slice with its 95 % interval; bars start at {whole:.4g}, the {name} of the whole holdout."
    bars = [Bar(f"{each['column']}: {each['part']}", each["value"], each["low"], each["high"]) for each in found]
    label = f"{name}; bars start at the whole holdout's {whole:.4g}"
    axis = axis_over(label, [whole, *(end for bar in bars for end in (bar.low, bar.high))])
    return Plot(title, bar_chart(title, told, axis, bars, reference=whole))


def forecast(metrics: Metrics) -> Plot | None:
    found = metrics["backtest"]
    if not found:
        return None
    newest = found["newest"]
    start = newest[0]["moment"]
    days = [(each["moment"] - start) / 86_400 for each in newest]
    title = "Forecast and actual values"
    told = f"The newest {len(newest)} moments of the holdout, each forecast one horizon ahead; dashed is actual."
    since = datetime.fromtimestamp(start, UTC)
    y = axis_over(found["target"], (each[name] for each in newest for name in ("actual", "forecast")))
    chart = Chart(title, told, axis_over(f"days since {since:%Y-%m-%d %H:%M} UTC", days), y)
    chart.line(zip(days, (each["forecast"] for each in newest), strict=True))
    chart.line(zip(days, (each["actual"] for each in newest), strict=True), dashed=True)
    chart.legend(line="forecast", dashed="actual")
    return Plot(title, chart.to_svg())


PLOTS: dict[str, Callable[[Metrics], Plot | None]] = {
    "roc.svg": roc,
    "residuals.svg": residuals,
    "reliability.svg": reliability,
    "confusion.svg": confusion,
    "importance.svg": importance,
    "slices.svg": slices,
    "forecast.svg": forecast,
}
