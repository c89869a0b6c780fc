"""The files of a version: read by MLflow, by monitoring, and by people."""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from everloop.contracts.tasks import Task
from everloop.training.artifacts import version_files
from everloop.training.card import _row
from everloop.training.evaluation import evaluate
from tests.samples import LEARNERS, REQUEST, example, prepared, profile_of
from tests.unit.training.conftest import fitted


def files_of(algorithm: str, task: Task, *, holdout_rows: int = 200, **sections: Any) -> dict[str, bytes]:
    dataset = prepared(task, rows=holdout_rows + 400, holdout_rows=holdout_rows)
    candidate = fitted(algorithm, task)
    definition = example(task, description="Does the pump fail?", owner="ann@example.com", **sections)
    evaluation = evaluate(candidate, dataset, definition, None)
    return version_files(definition, REQUEST, candidate, evaluation, dataset, profile=profile_of(dataset))


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return files_of("logistic-regression", Task.BINARY)


def test_a_version_has_these_files(files: dict[str, bytes]) -> None:
    assert files.keys() == {
        "MLmodel",
        "card.md",
        "everloop_pyfunc.py",
        "importance.svg",
        "input_example.json",
        "judged.onnx",
        "lineage.json",
        "metrics.json",
        "mlbom.json",
        "model.onnx",
        "profile.json",
        "reliability.svg",
        "roc.svg",
    }
    assert files["model.onnx"] == fitted("logistic-regression", Task.BINARY).model
    assert files["profile.json"] == profile_of(prepared(Task.BINARY))


def test_mlflow_can_read_the_description(files: dict[str, bytes]) -> None:
    """MLflow reads MLmodel as YAML."""
    model = yaml.safe_load(files["MLmodel"])
    assert model["flavors"]["onnx"]["data"] == "model.onnx"
    assert f"{model['flavors']['python_function']['loader_module']}.py" in files
    assert json.loads(model["signature"]["inputs"]) == [
        {"name": "a", "type": "any", "required": False},
        {"name": "b", "type": "any", "required": False},
        {"name": "c", "type": "string", "required": False},
    ]


def test_the_example_holds_the_median_and_the_commonest_level_of_each_column(files: dict[str, bytes]) -> None:
    columns = prepared(Task.BINARY).holdout_raw
    levels, counts = np.unique(columns["c"][columns["c"] != ""], return_counts=True)
    example = json.loads(files["input_example.json"])
    assert example["columns"] == ["a", "b", "c"]
    [[a, b, c]] = example["data"]
    assert [a, b] == pytest.approx([np.nanmedian(columns[name]) for name in ("a", "b")], rel=0.02, abs=0.02)
    assert c == levels[counts.argmax()]


def test_the_example_follows_the_declared_types() -> None:
    kinds = {"a": {"type": "boolean", "nullable": False}, "b": "integer", "c": "category", "y": "boolean"}
    [[a, b, _]] = json.loads(files_of("logistic-regression", Task.BINARY, columns=kinds)["input_example.json"])["data"]
    assert (a, type(b)) == (False, int)


def test_the_lineage_names_everything_the_version_came_from(files: dict[str, bytes]) -> None:
    lineage = json.loads(files["lineage.json"])
    dataset = prepared(Task.BINARY)
    assert lineage["run_id"] == REQUEST.run_id
    assert lineage["dataset_version"] == "dataset-1"
    assert (lineage["batches"], lineage["split_id"]) == (dataset.batches, dataset.split_id)
    assert (
        lineage["definition_hash"]
        == example(Task.BINARY, description="Does the pump fail?", owner="ann@example.com").hash
    )
    assert (lineage["algorithm"], lineage["seed"]) == ("logistic-regression", 7)


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_the_card_has_the_numbers(algorithm: str, task: Task) -> None:
    files = files_of(algorithm, task)
    card, metrics = files["card.md"].decode(), json.loads(files["metrics.json"])
    for name, value in metrics["candidate"].items():
        assert f"| {name} | {value:.4f} | {metrics['baseline'][name]:.4f} |" in card
    for gate in metrics["gates"]:
        assert f"| {gate['name']} | {'passed' if gate['passed'] else 'REFUSED'} | {gate['detail']} |" in card
    for text in ("Does the pump fail?", "ann@example.com", algorithm, "dataset-1", REQUEST.reason, "200", "400"):
        assert text in card


@pytest.mark.parametrize(
    ("algorithm", "task"),
    [("ridge", Task.REGRESSION), *((name, task) for name, task in LEARNERS if name == "logistic-regression")],
)
def test_the_card_shows_the_plots_that_lie_beside_it(algorithm: str, task: Task) -> None:
    files = files_of(algorithm, task)
    shown = re.findall(r"!\[.+\]\((.+)\)", files["card.md"].decode())
    assert sorted(shown) == sorted(name for name in files if name.endswith(".svg"))
    assert ("residuals.svg" in shown) is (task is Task.REGRESSION)
    assert ("confusion.svg" in shown) is (task is Task.MULTICLASS)
    for name in shown:
        assert ElementTree.fromstring(files[name]).get("role") == "img"


def test_the_card_says_what_the_model_is_for_and_where_it_ends() -> None:
    told = {"intended_use": "Plan repairs of the next day.", "limits": ["Axial pumps only.", "Not for new sites."]}
    card = files_of("logistic-regression", Task.BINARY, **told)["card.md"].decode()
    assert "## Intended use\n\nPlan repairs of the next day.\n" in card
    assert "## Limits\n\n- Axial pumps only.\n- Not for new sites.\n" in card
    assert "Not declared" not in card


def test_the_weak_places_of_a_large_holdout_are_a_table_and_a_plot() -> None:
    files = files_of("logistic-regression", Task.BINARY, holdout_rows=1_000)
    slices = json.loads(files["metrics.json"])["slices"]["parts"]
    worst = slices[0]
    assert (
        f"| {worst['column']}: {worst['part']} | {worst['rows']} | {worst['value']:.4f} |" in files["card.md"].decode()
    )
    assert f">{worst['column']}: {worst['part']}</text>" in files["slices.svg"].decode()


def test_the_card_of_several_classes_tells_what_each_is_taken_for() -> None:
    files = files_of("logistic-regression", Task.MULTICLASS)
    card, found = files["card.md"].decode(), json.loads(files["metrics.json"])["confusion"]
    assert "Promised and observed shares differ by" in card
    for each in found["classes"]:
        assert f"| {each['label']} | {each['rows']} | {each['precision']:.4f} | {each['recall']:.4f} | " in card


def test_a_level_of_the_data_is_no_markup_in_the_card() -> None:
    from everloop.training.card import _row

    assert _row(["<img src=x onerror=alert(1)>", "a|b", "x\ny"]) == "| &lt;img src=x onerror=alert(1)> | a\\|b | x y |"


def test_the_card_tells_the_threshold_and_what_labels_cost() -> None:
    costs = {"false_positive": 1, "false_negative": 10}
    card = files_of("logistic-regression", Task.BINARY, serving={"costs": costs})["card.md"].decode()
    assert "A row is labelled positive from 0.5 on" in card, "this candidate was fitted before costs were declared"
    assert "By the declared costs its labels cost" in card


def test_what_does_not_depend_on_the_clock_is_the_same_each_time(files: dict[str, bytes]) -> None:
    again = files_of("logistic-regression", Task.BINARY)
    for name in ("model.onnx", "judged.onnx", "lineage.json", "MLmodel", "profile.json", "roc.svg", "mlbom.json"):
        assert hashlib.sha256(again[name]).digest() == hashlib.sha256(files[name]).digest(), name


def test_the_card_names_the_inputs_and_leaves_no_gap_for_a_description_that_is_not_there() -> None:
    dataset, candidate, definition = (
        prepared(Task.BINARY),
        fitted("logistic-regression", Task.BINARY),
        example(Task.BINARY),
    )
    evaluation = evaluate(candidate, dataset, definition, None)
    chosen = replace(candidate, choice="trial 1 did better")
    files = version_files(definition, REQUEST, chosen, evaluation, dataset, profile=profile_of(dataset))
    card = files["card.md"].decode()
    assert card.startswith(f"# {definition.name}\n\n- Task")
    assert "- Inputs: `a` (number), `b` (number), `c` (category)" in card
    assert "- How it was chosen: trial 1 did better" in card
    assert "\n\n\n" not in card


def test_a_level_of_the_data_is_no_link_and_no_picture_in_the_card() -> None:
    assert _row(["![x](http://evil/p.png)", "a|b", "<img>", "`c`"]) == (
        "| !\\[x\\](http://evil/p.png) | a\\|b | &lt;img> | \\`c\\` |"
    )
