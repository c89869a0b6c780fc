"""The plots of a version's card, each drawn from its metrics.json alone: one function for each, one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from everloop.training.svg import Axis, Bar, Chart, axis_over, bar_chart

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
    told = "Observed share of positives against the mean promised probability in equally filled bins; dashed is equal."
    chart = Chart(title, told, Axis("promised probability", 0, 1), Axis("observed share", 0, 1))
    points = [(each["predicted"], each["observed"]) for each in found["bins"]]
    chart.line([(0, 0), (1, 1)], dashed=True)
    chart.line(points)
    chart.dots(points)
    return Plot(title, chart.to_svg())


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
    told = f"Each slice with its 95 % interval, from the {whole:.4g} of the whole holdout."
    bars = [Bar(f"{each['column']}: {each['part']}", each["value"], each["low"], each["high"]) for each in found]
    axis = axis_over(name, [whole, *(end for bar in bars for end in (bar.low, bar.high))])
    return Plot(title, bar_chart(title, told, axis, bars, reference=whole))


PLOTS: dict[str, Callable[[Metrics], Plot | None]] = {
    "roc.svg": roc,
    "residuals.svg": residuals,
    "reliability.svg": reliability,
    "importance.svg": importance,
    "slices.svg": slices,
}
