"""A model that was trained elsewhere answers, wrapped, as it does alone."""

import json
import re
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.testing import assert_allclose
from onnx import TensorProto, helper

from everloop.contracts.tasks import Task
from everloop.errors import UnusableModelError
from everloop.features.compile import compile_features
from everloop.scorer import Scorer
from everloop.training.artifacts import version_files
from everloop.training.candidate import Candidate
from everloop.training.evaluation import evaluate
from everloop.training.importing.candidate import import_candidate
from everloop.training.importing.reference import ReferenceRows
from tests.foreign import asked, boosted, by_column, linear, saved
from tests.samples import REQUEST, example, prepared, profile_of


def imported(
    body: bytes, task: Task = Task.BINARY, *, compared_with: ReferenceRows | None = None, **how: Any
) -> Candidate:
    dataset, definition = prepared(task), example(task)
    return import_candidate(body, asked(body, **how), dataset, features(), definition, reference=compared_with)


def features() -> onnx.ModelProto:
    return compile_features(example(Task.BINARY)).to_onnx(apart=True)


def answers(candidate: Candidate, task: Task = Task.BINARY) -> Any:
    return Scorer(candidate.model).score(prepared(task).holdout_raw)


def sigmoid(logits: Any) -> Any:
    return 1 / (1 + np.exp(-logits))


def test_inputs_for_single_columns_are_found_by_their_names() -> None:
    candidate = imported(by_column())
    raw = prepared(Task.BINARY).holdout_raw
    high = ((raw["c"] == "AA") & (raw["b"] > 3e5)) | np.isnan(raw["a"])
    assert_allclose(answers(candidate), np.where(high, 0.9, 0.2)[:, 0], rtol=1e-6)
    assert Scorer(candidate.model).inputs == {"a": False, "b": False, "c": True}
    assert candidate.imported["inputs"] == {"c": ["c"], "a": ["a"], "b": ["b"]}


@pytest.mark.parametrize("zipmap", [False, True], ids=["matrix", "dictionaries"])
def test_a_matrix_takes_the_numbers_in_the_order_of_the_definition(zipmap: bool) -> None:
    dataset = prepared(Task.BINARY)
    fitted, body = boosted(dataset, [0, 1], zipmap=zipmap)
    expected = fitted.predict_proba(dataset.holdout[0].numbers)[:, 1]
    candidate = imported(body)
    assert_allclose(answers(candidate), expected, atol=1e-5)
    assert candidate.judged == candidate.model, "nobody here can fit it again"
    assert (candidate.imported["producer"], candidate.imported["opset"]) == ("skl2onnx", 15)


def test_columns_may_be_named_in_another_order() -> None:
    swapped, straight = (
        answers(imported(linear(), answer="logit", inputs=inputs)) for inputs in (["b", "a"], ["a", "b"])
    )
    raw = prepared(Task.BINARY).holdout_raw
    a, b = (np.nan_to_num(raw[name][:, 0]) for name in "ab")
    assert_allclose(straight, sigmoid(a * 1e-6 + b * 2e-6 - 0.5), rtol=1e-5)
    assert_allclose(swapped, sigmoid(b * 1e-6 + a * 2e-6 - 0.5), rtol=1e-5)


def test_what_the_model_does_not_take_no_request_needs() -> None:
    candidate = imported(linear(width=1), answer="logit", inputs=["b"])
    assert Scorer(candidate.model).inputs == {"b": False}


@pytest.mark.parametrize("opset", [9, 13, 20, 21, 22])
def test_a_model_of_any_opset_is_joined_with_the_features(opset: int) -> None:
    assert imported(linear(opset=opset), answer="logit").parity_difference < 1e-6


def test_the_second_of_two_logits_is_that_of_the_positive_class() -> None:
    raw = prepared(Task.BINARY).holdout_raw
    a, b = (np.nan_to_num(raw[name][:, 0]) for name in "ab")
    margin = (a * 2e-6 + b * 4e-6) - (a * 1e-6 + b * 3e-6)
    assert_allclose(answers(imported(linear(classes=2), answer="logit")), sigmoid(margin), rtol=1e-4)


def test_probabilities_are_put_into_the_order_of_the_classes() -> None:
    """By the labels in the file: 'no' sorts before 'x', and stands for the positive class."""
    dataset = prepared(Task.BINARY, classes=["x", "no"])
    fitted, body = boosted(dataset, ["x", "no"])
    assert fitted.classes_.tolist() == ["no", "x"]
    definition = example(
        Task.BINARY,
        columns={"a": "number", "b": "number", "c": "category", "y": "category"},
        data={"target": "y", "positive": "no"},
    )
    candidate = import_candidate(body, asked(body), dataset, features(), definition)
    expected = fitted.predict_proba(dataset.holdout[0].numbers)[:, 0]
    assert_allclose(Scorer(candidate.model).score(dataset.holdout_raw), expected, atol=1e-5)


def test_a_multiclass_model_answers_for_each_class() -> None:
    dataset = prepared(Task.MULTICLASS)
    fitted, body = boosted(dataset, ["ž", "x", "y"], zipmap=True)
    wanted = [fitted.classes_.tolist().index(label) for label in dataset.classes]
    expected = fitted.predict_proba(dataset.holdout[0].numbers)[:, wanted]
    assert_allclose(answers(imported(body, Task.MULTICLASS), Task.MULTICLASS), expected, atol=1e-5)


def test_classes_that_the_file_does_not_name_are_named_by_the_caller() -> None:
    body = linear(classes=3)
    how = {"answer": "logit", "classes": ["y", "ž", "x"]}
    scores = answers(imported(body, Task.MULTICLASS, **how), Task.MULTICLASS)
    straight = answers(imported(body, Task.MULTICLASS, answer="logit", classes=["x", "y", "ž"]), Task.MULTICLASS)
    assert_allclose(scores, straight[:, [2, 0, 1]])
    with pytest.raises(UnusableModelError, match="does not say which probability belongs to which of x, y, ž"):
        imported(body, Task.MULTICLASS, answer="logit")
    with pytest.raises(UnusableModelError, match="classes: expected x, y, ž in the model's order, got x, y"):
        imported(body, Task.MULTICLASS, answer="logit", classes=["x", "y"])


def test_a_regression_answers_in_the_units_of_the_target() -> None:
    dataset = prepared(Task.REGRESSION)
    fitted, body = boosted(dataset)
    expected = fitted.predict(dataset.holdout[0].numbers)
    assert_allclose(answers(imported(body, Task.REGRESSION), Task.REGRESSION), expected, rtol=1e-4)


# What it is compared with, and what is told


def reference(shift: float = 0.0) -> ReferenceRows:
    dataset = prepared(Task.BINARY)
    fitted, _ = boosted(dataset, [0, 1])
    rows = {name: values[:50] for name, values in dataset.holdout_raw.items()}
    return ReferenceRows(rows, fitted.predict_proba(dataset.holdout[0].numbers[:50])[:, 1] + shift)


@pytest.mark.parametrize(("shift", "refused"), [(0.0, []), (0.01, ["parity"])])
def test_a_model_that_answers_other_than_it_did_where_it_was_trained_is_refused(
    shift: float, refused: list[str]
) -> None:
    _, body = boosted(prepared(Task.BINARY), [0, 1])
    told = {"sha256": "0" * 64, "file": "predictions.csv"}
    candidate = imported(body, compared_with=reference(shift), reference=told)
    evaluation = evaluate(candidate, prepared(Task.BINARY), example(Task.BINARY), None)
    assert [gate.name for gate in evaluation.gates if not gate.passed] == refused
    assert "over 250 rows" in evaluation.gates[0].detail
    assert "50 of them with the predictions in `predictions.csv`" in evaluation.gates[0].detail


def files_of(candidate: Candidate) -> dict[str, bytes]:
    dataset, definition = prepared(Task.BINARY), example(Task.BINARY)
    evaluation = evaluate(candidate, dataset, definition, None)
    return version_files(definition, REQUEST, candidate, evaluation, dataset, profile=profile_of(dataset))


def test_the_version_tells_where_the_model_came_from_and_what_nobody_knows() -> None:
    _, body = boosted(prepared(Task.BINARY), [0, 1])
    files = files_of(imported(body, file="forest.onnx"))
    lineage, card = json.loads(files["lineage.json"]), files["card.md"].decode()
    assert lineage["judged_on_unseen_rows"] == "unknown"
    told = lineage["imported"]
    assert (told["file"], told["sha256"], told["by"]) == ("forest.onnx", asked(body).sha256, REQUEST.requested_by)
    assert f"imported by pytest from `forest.onnx` (sha256 `{told['sha256']}`), written by `skl2onnx" in card
    assert "Whether it saw them when it was trained is unknown" in card
    assert "no predictions of it were given" in card
    assert "after fitting on the other" not in card
    components = {each["name"]: each for each in json.loads(files["mlbom.json"])["components"]}
    assert components["forest.onnx"]["hashes"] == [{"alg": "SHA-256", "content": told["sha256"]}]


def test_what_a_file_says_of_itself_does_not_reach_the_card_as_markdown() -> None:
    model = onnx.load_from_string(linear())
    model.producer_name = "<script>`|\n# [evil](javascript:x)" + "x" * 1_000
    model.producer_version = "`1`"
    card = files_of(imported(model.SerializeToString(), answer="logit"))["card.md"].decode()
    assert re.search(r"written by `script# \[evil\]\(javascript:x\)x+ 1`\n", card)
    assert max(map(len, card.splitlines())) < 1_000


def test_a_candidate_comes_back_from_its_files() -> None:
    candidate = imported(by_column())
    assert Candidate.from_files(candidate.to_files().__getitem__) == candidate


def test_the_same_file_gives_the_same_bytes() -> None:
    assert imported(by_column()).model == imported(by_column()).model


def test_reference_rows_come_back_from_their_file() -> None:
    rows = reference()
    again = ReferenceRows.from_npz(rows.to_npz())
    assert again.raw.keys() == rows.raw.keys()
    for name, values in rows.raw.items():
        np.testing.assert_array_equal(again.raw[name], values)
        assert again.raw[name].dtype == values.dtype


# Kinds of files


def test_operators_of_onnxruntime_and_functions_of_the_file_are_taken() -> None:
    """Gelu is com.microsoft's, in an older opset; the function is written out."""
    body = helper.make_function(
        "local", "Halve", ["v"], ["w"], [helper.make_node("Mul", ["v", "v"], ["w"])], [helper.make_opsetid("", 13)]
    )
    nodes = [
        helper.make_node("Gelu", ["x"], ["g"], domain="com.microsoft"),
        helper.make_node("Halve", ["g"], ["h"], domain="local"),
        helper.make_node("Neg", ["h"], ["y"], domain="ai.onnx"),
    ]
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
    )
    opsets = [helper.make_opsetid(*each) for each in (("", 13), ("com.microsoft", 1), ("local", 1))]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=[body])
    candidate = imported(model.SerializeToString(), Task.REGRESSION, inputs=["b"])
    squares = np.maximum(prepared(Task.REGRESSION).holdout_raw["b"][:, 0], 0) ** 2
    assert_allclose(answers(candidate, Task.REGRESSION), -squares, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("opset", [9, 13, 21])
def test_branches_may_take_weights_and_values_from_outside(opset: int) -> None:
    """The branch within a branch takes a weight of the outer one, and each takes an input."""
    value = helper.make_tensor_value_info
    innermost = [helper.make_node("Mul", ["x", "half"], ["v"]), helper.make_node("Add", ["v", "one"], ["inner"])]
    inner = helper.make_graph(innermost, "inner", [], [value("inner", TensorProto.FLOAT, None)])
    outer = helper.make_graph(
        [
            helper.make_node("Add", ["x", "one"], ["unused"]),
            helper.make_node("If", ["yes"], ["outer"], then_branch=inner, else_branch=inner),
        ],
        "outer",
        [],
        [value("outer", TensorProto.FLOAT, None)],
        initializer=[helper.make_tensor("half", TensorProto.FLOAT, [1], [0.5])],
    )
    nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=outer, else_branch=outer)]
    constants = {"yes": np.array(True), "one": np.ones(1, np.float32)}
    inputs = {"x": (TensorProto.FLOAT, ["n", 1])}
    body = saved(nodes, inputs, ("y", TensorProto.FLOAT, ["n", 1]), constants=constants, opset=opset)
    candidate = imported(body, Task.REGRESSION, inputs=["b"])
    expected = prepared(Task.REGRESSION).holdout_raw["b"][:, 0] / 2 + 1
    assert_allclose(answers(candidate, Task.REGRESSION), expected, rtol=1e-6)


def test_weights_that_are_listed_among_the_inputs_are_none() -> None:
    model = onnx.load_from_string(linear())
    weights = [helper.make_tensor_value_info(each.name, each.data_type, each.dims) for each in model.graph.initializer]
    model.graph.input.extend(weights)
    candidate = imported(model.SerializeToString(), answer="logit")
    assert candidate.imported["inputs"] == {"x": ["a", "b"]}


def test_columns_that_are_called_like_parts_of_the_model_do_no_harm() -> None:
    """The file calls its output `a`."""
    model = onnx.load_from_string(linear().replace(b"\x01y", b"\x01a"))
    assert answers(imported(model.SerializeToString(), answer="logit", inputs=["a", "b"])).shape == (200,)
