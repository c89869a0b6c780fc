"""The model card: what a version is for, how good it is and where not, in Markdown for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from everloop.contracts.definition import Definition
from everloop.training.evaluation import Evaluation
from everloop.training.plots import Plot

WORST_SLICES = 5


def write_card(
    definition: Definition, lineage: Mapping[str, Any], evaluation: Evaluation, plots: Mapping[str, Plot]
) -> str:
    metrics = evaluation.metrics
    parts = [
        [f"# {definition.name}", "", definition.description, ""],
        _facts(definition, lineage, metrics),
        _purpose(definition),
        ["## How good it is", "", *_metrics(metrics), "", *_labels(metrics)],
        _gates(evaluation),
        _weak_places(metrics),
        _pictures(plots),
    ]
    return "\n".join(line for part in parts for line in part)


def _facts(definition: Definition, lineage: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[str]:
    parameters = ", ".join(f"{name} = {value}" for name, value in lineage["parameters"].items())
    return [
        f"- Task: {definition.task}; target: `{definition.data.target}`",
        f"- Owner: {definition.owner or 'not declared'}",
        f"- Algorithm: {lineage['algorithm']} ({parameters})",
        f"- Judged on {metrics['holdout_rows']:,} {'newest' if definition.holdout.by == 'time' else 'drawn'} rows "
        f"after fitting on the other {metrics['train_rows']:,}; then fitted on all of them for serving",
        f"- Dataset version `{lineage['dataset_version']}`, run `{lineage['run_id']}`, as of {lineage['as_of']}",
        f"- Why it was trained: {lineage['reason']}",
        "",
    ]


def _purpose(definition: Definition) -> list[str]:
    limits = [f"- {limit}" for limit in definition.limits] or ["Not declared."]
    return ["## Intended use", "", definition.intended_use or "Not declared.", "", "## Limits", "", *limits, ""]


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    columns = {"this version": metrics["candidate"], "naive": metrics["baseline"]}
    if metrics["champion"]:
        columns[f"champion {metrics['champion']['version']}"] = metrics["champion"]
    names = metrics["candidate"]
    rows = [[name, *(f"{values[name]:.4f}" for values in columns.values())] for name in names]
    for row in rows:
        interval = metrics["intervals"][row[0]]
        row.append(f"{interval['low']:.4f} to {interval['high']:.4f}")
    return _table(["metric", *columns, "95 % interval"], rows)


def _labels(metrics: Mapping[str, Any]) -> list[str]:
    """What a binary model promises and labels."""
    told = []
    if metrics["reliability"]:
        error = metrics["reliability"]["expected_calibration_error"]
        told.append(f"Promised and observed shares differ by {error:.4f} on average. {_curve(metrics['calibration'])}")
    if metrics["decisions"]:
        told += ["", *_decisions(metrics["decisions"])]
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


def _pictures(plots: Mapping[str, Plot]) -> list[str]:
    shown = [line for name, plot in plots.items() for line in (f"![{plot.title}]({name})", "", f"`{name}`", "")]
    return ["## Plots", "", *shown] if shown else []


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: Sequence[Any]) -> str:
    """A value of the data may hold what would end a cell."""
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
