"""The model card: what a version is for, how good it is and where not, in Markdown for people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from everloop.contracts.definition import Definition
from everloop.training.evaluation import Evaluation
from everloop.training.plots import Plot

WORST_SLICES = 5
_MARKUP = frozenset("\\|[]`")


def write_card(
    definition: Definition, lineage: Mapping[str, Any], evaluation: Evaluation, plots: Mapping[str, Plot]
) -> str:
    metrics = evaluation.metrics
    parts = [
        [f"# {definition.name}", "", *([definition.description, ""] if definition.description else [])],
        _facts(definition, lineage, metrics),
        _purpose(definition),
        ["## How good it is", "", *_metrics(metrics), "", *_labels(metrics)],
        _gates(evaluation),
        _backtest(metrics["backtest"]),
        _weak_places(metrics),
        _recommendations(metrics["recommendations"]),
        _pictures(plots),
    ]
    return "\n".join(line for part in parts for line in part)


def _facts(definition: Definition, lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    return [
        f"- Task: {definition.task}; target: `{definition.data.target}`",
        f"- Owner: {definition.owner or 'not declared'}",
        f"- Inputs: {', '.join(f'`{name}` ({column.type})' for name, column in definition.inputs.items())}",
        *(_import if "imported" in lineage else _fit)(definition, lineage, metrics),
        f"- Dataset version `{lineage['dataset_version']}`, run `{lineage['run_id']}`, as of {lineage['as_of']}",
        f"- Why it was trained: {lineage['reason']}",
        "",
    ]


def _fit(definition: Definition, lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    parameters = ", ".join(f"{name} = {value}" for name, value in lineage["parameters"].items())
    return [
        f"- Algorithm: {lineage['algorithm']} ({parameters})",
        f"- Judged on {_judged_rows(definition, metrics)} after fitting on the other {metrics['train_rows']:,}; then"
        " fitted on all of them for serving",
        *([f"- How it was chosen: {lineage['choice']}"] if lineage["choice"] else []),
    ]


def _import(definition: Definition, lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    told = lineage["imported"]
    producer = " ".join(filter(None, (told["producer"], told["producer_version"])))
    columns = ", ".join(column for columns in told["inputs"].values() for column in columns)
    reference = told["reference"]
    return [
        f"- Trained elsewhere: imported by {told['by']} from `{told['file']}` (sha256 `{told['sha256']}`), written by"
        f" {f'`{producer}`' if producer else 'something that does not say'}",
        f"- It takes: {columns}",
        f"- Judged on {_judged_rows(definition, metrics)}. Whether it saw them when it was trained is unknown; if it"
        " did, it looks better here than it is",
        f"- Compared with {told['reference_rows']:,} predictions of the original in `{reference['file']}`"
        if reference
        else "- Never compared with the original: no predictions of it were given",
    ]


def _judged_rows(definition: Definition, metrics: Mapping[str, Any]) -> str:
    return f"{metrics['holdout_rows']:,} {'newest' if definition.holdout.by == 'time' else 'drawn'} rows"


def _purpose(definition: Definition) -> list[str]:
    limits = [f"- {limit}" for limit in definition.limits] or ["Not declared."]
    return ["## Intended use", "", definition.intended_use or "Not declared.", "", "## Limits", "", *limits, ""]


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    columns = {"this version": metrics["candidate"]}
    columns |= {f"naive: {name}": values for name, values in metrics["baselines"].items()}
    if metrics["champion"]:
        columns[f"champion {metrics['champion']['version']}"] = metrics["champion"]
    names = metrics["candidate"]
    rows = [[name, *(f"{values[name]:.4f}" for values in columns.values())] for name in names]
    for row in rows:
        interval = metrics["intervals"][row[0]]
        row.append(f"{interval['low']:.4f} to {interval['high']:.4f}")
    return _table(["metric", *columns, "95 % interval"], rows)


def _labels(metrics: Mapping[str, Any]) -> list[str]:
    """What a classifier promises and labels."""
    told = []
    if metrics["reliability"]:
        error = metrics["reliability"]["expected_calibration_error"]
        told.append(f"Promised and observed shares differ by {error:.4f} on average. {_curve(metrics['calibration'])}")
    if metrics["decisions"]:
        told += ["", *_decisions(metrics["decisions"])]
    if metrics["confusion"]:
        told += ["", *_classes(metrics["confusion"])]
    return [*told, ""] if told else []


def _curve(calibration: Mapping[str, Any] | None) -> str:
    if not calibration:
        return ""
    gain = f"log loss {-calibration['gain']:+.4f}, standard error {calibration['standard_error']:.4f}"
    if calibration["taken"]:
        return f"Its probabilities are calibrated, which helps on rows outside of the fit ({gain})."
    return f"Its probabilities are not calibrated, since that does not help on rows outside of the fit ({gain})."


def _decisions(found: Mapping[str, Any]) -> list[str]:
    shares = [f"{name} {found[name]:.4f}" for name in ("precision", "recall") if found[name] is not None]
    lines = [f"A row is labelled positive from {found['threshold']:.4g} on: {', '.join(shares)}.", ""]
    if found["cost_per_row"] is not None:
        costs = f"{found['cost_per_row']:.4g} for a row; at 0.5 they would cost {found['cost_per_row_at_half']:.4g}"
        lines += [f"By the declared costs its labels cost {costs}.", ""]
    rows = [
        ["is positive", found["true_positives"], found["false_negatives"]],
        ["is negative", found["false_positives"], found["true_negatives"]],
    ]
    return [*lines, *_table(["", "labelled positive", "labelled negative"], rows)]


def _classes(found: Mapping[str, Any]) -> list[str]:
    """Each class that is shown, and what it is taken for where it is not recognised."""
    rows = []
    for each, counts in zip(found["classes"], found["counts"], strict=False):  # the last counts may be of the rest
        wrong = [(count, label) for count, label in zip(counts, found["labels"], strict=True) if label != each["label"]]
        count, label = max(wrong, key=lambda pair: pair[0])
        taken_for = f"{'another' if label is None else label} ({count:,})" if count else "–"
        shares = ["–" if each[name] is None else f"{each[name]:.4f}" for name in ("precision", "recall")]
        rows.append([each["label"], each["rows"], *shares, taken_for])
    return _table(["class", "rows", "precision", "recall", "most often taken for"], rows)


def _gates(evaluation: Evaluation) -> list[str]:
    rows = [[gate.name, "passed" if gate.passed else "REFUSED", gate.detail] for gate in evaluation.gates]
    return ["## What it had to pass", "", *_table(["gate", "result", "evidence"], rows), ""]


def _weak_places(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["slices"]
    head = ["## Where it is weak", ""]
    if not found["parts"]:
        return [*head, f"No part of the holdout has {found['minimum_rows']} rows to be judged on.", ""]
    rows = [
        [
            f"{each['column']}: {each['part']}",
            each["rows"],
            f"{each['value']:.4f}",
            f"{each['low']:.4f} to {each['high']:.4f}",
        ]
        for each in found["parts"][:WORST_SLICES]
    ]
    told = f"The worst of {len(found['parts'])} slices of the holdout with {found['minimum_rows']} rows or more:"
    return [*head, told, "", *_table(["slice", "rows", found["metric"], "95 % interval"], rows), ""]


def _backtest(found: Mapping[str, Any] | None) -> list[str]:
    if not found:
        return []
    rows = [
        [
            f"{_moment(each['since'])} to {_moment(each['until'])}",
            each["rows"],
            _number(each["value"]),
            _number(each["naive"]),
        ]
        for each in found["periods"]
    ]
    told = "Each row of the holdout was forecast with what was known one horizon before it, by one and the same model."
    table = _table(["period (UTC)", "rows", f"{found['metric']} of this version", f"of {found['naive']}"], rows)
    return ["## How it would have forecast", "", told, "", *table, ""]


def _moment(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _recommendations(found: Mapping[str, Any] | None) -> list[str]:
    if not found:
        return []
    told = (
        f"It recommended {found['recommended_to_each']} items to each of the {found['users']:,} users who took"
        f" something in the holdout: {found['coverage']:.1%} of all {found['items']:,} items to somebody. Of"
        f" {found['by_popularity']:.1%} of the users nothing was known before, so they got what is popular."
    )
    return ["## What it recommends", "", told, ""]


def _pictures(plots: Mapping[str, Plot]) -> list[str]:
    shown = [line for name, plot in plots.items() for line in (f"![{plot.title}]({name})", "", f"`{name}`", "")]
    return ["## Plots", "", *shown] if shown else []


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: Sequence[Any]) -> str:
    """A value of the data may hold what would end a cell, or be taken for HTML, a link or a picture."""
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text: str) -> str:
    text = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + sign if sign in _MARKUP else sign for sign in text)
