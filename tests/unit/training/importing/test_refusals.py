"""A file that cannot be served is refused with what is wrong, what there is, and what to do."""

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from everloop.contracts.tasks import Task
from everloop.errors import UnusableModelError
from everloop.training.importing.candidate import import_candidate
from tests.foreign import ROWS, asked, boosted, by_column, linear, saved
from tests.samples import example, prepared
from tests.unit.training.importing.test_importing import features

COLUMNS = {"a": "number", "b": {"type": "number", "nullable": False}, "c": "category", "y": "boolean"}


def refused(body: bytes, words: str, *, task: Task = Task.BINARY, **how: Any) -> None:
    definition = example(task, columns=COLUMNS) if task is Task.BINARY else example(task)
    with pytest.raises(UnusableModelError, match=re.escape(words)):
        import_candidate(body, asked(body, **how), prepared(task), features(), definition)


def one_node(
    operator: str, *, element: int = TensorProto.FLOAT, domain: str = "", opset: int = 18, **how: Any
) -> bytes:
    """`x` [rows, 2] through one operator."""
    node = helper.make_node(operator, ["x"], ["y"], domain=domain, **how)
    inputs = {"x": (element, [ROWS, 2])}
    return saved([node], inputs, ("y", TensorProto.FLOAT, None), opset=opset)


def with_external_data() -> bytes:
    model = onnx.load_from_string(linear())
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, "/etc/passwd")
        tensor.ClearField("raw_data")
    return bytes(model.SerializeToString())


def with_external_data_in_a_branch() -> bytes:
    body = helper.make_graph(
        [helper.make_node("Identity", ["hidden"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])],
        initializer=[helper.make_tensor("hidden", TensorProto.FLOAT, [1], [1.0])],
    )
    body.initializer[0].raw_data = b"1234"
    onnx.external_data_helper.set_external_data(body.initializer[0], "elsewhere.bin")
    nodes = [helper.make_node("If", ["yes"], ["y"], then_branch=body, else_branch=body)]
    constants = {"yes": np.array(True)}
    return saved(nodes, {"x": (TensorProto.FLOAT, [ROWS, 2])}, ("y", TensorProto.FLOAT, [1]), constants=constants)


def elsewhere() -> TensorProto:
    tensor = helper.make_tensor("hidden", TensorProto.FLOAT, [1], b"1234", raw=True)
    onnx.external_data_helper.set_external_data(tensor, "elsewhere.bin")
    return tensor


def with_external_data_in_a_function(*, as_constant: bool) -> bytes:
    """In the branch of an If of a function of the file itself."""
    kind = "Constant" if as_constant else "Identity"
    how: dict[str, Any] = {"value": elsewhere()} if as_constant else {}
    branch = helper.make_graph(
        [helper.make_node(kind, [] if as_constant else ["hidden"], ["inner"], **how)],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1])],
        initializer=[] if as_constant else [elsewhere()],
    )
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=yes),
        helper.make_node("If", ["yes"], ["b"], then_branch=branch, else_branch=branch),
        helper.make_node("Add", ["v", "b"], ["w"]),
    ]
    function = helper.make_function("ours", "Shift", ["v"], ["w"], nodes, [helper.make_opsetid("", 18)])
    call = helper.make_node("Shift", ["x"], ["y"], domain="ours")
    model = onnx.load_from_string(
        saved([call], {"x": (TensorProto.FLOAT, [ROWS, 2])}, ("y", TensorProto.FLOAT, [ROWS, 2]))
    )
    model.functions.append(function)
    return bytes(model.SerializeToString())


def with_external_data_in_a_sparse_attribute() -> bytes:
    constant = helper.make_node("Constant", [], ["hidden"])
    places = helper.make_tensor("places", TensorProto.INT64, [1], [0])
    sparse = helper.make_sparse_tensor(elsewhere(), places, [2])
    constant.attribute.append(helper.make_attribute("sparse_value", sparse))
    nodes = [constant, helper.make_node("Add", ["x", "hidden"], ["y"])]
    return saved(nodes, {"x": (TensorProto.FLOAT, [ROWS, 2])}, ("y", TensorProto.FLOAT, [ROWS, 2]))


@pytest.mark.parametrize(
    "body",
    [
        with_external_data_in_a_function(as_constant=False),
        with_external_data_in_a_function(as_constant=True),
        with_external_data_in_a_sparse_attribute(),
    ],
    ids=["weight of a function", "constant of a function", "sparse attribute"],
)
def test_no_tensor_names_another_file_unseen(body: bytes) -> None:
    refused(body, "expected one file, but the values of ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "expected an ONNX file, got one without a graph"),
        (b"not onnx at all", "expected an ONNX file, got 15 bytes that are none; is it cut off?"),
        (linear()[:-20], "is it cut off?"),
        (b"PK\x03\x04rest", "expected an ONNX file, got a zip, as PyTorch and Keras save; export the model to ONNX"),
        (b"\x80\x04\x95rest", "got a pickle"),
        (with_external_data(), "expected one file, but the values of 3 tensors (the first is 'zero') lie in another"),
        (with_external_data_in_a_branch(), "the values of 2 tensors (the first is 'hidden') lie in another"),
        (
            one_node("Mystery", domain="ours"),
            "expected operators of ai.onnx, ai.onnx.ml, com.microsoft, got ours.Mystery",
        ),
        (one_node("NoSuchOperator"), "cannot load the model"),
        (one_node("Relu", opset=999), "cannot load the model"),
    ],
    ids=["empty", "text", "cut off", "zip", "pickle", "external", "external inside", "custom", "unknown", "too new"],
)
def test_what_is_no_servable_file_is_not_opened(body: bytes, words: str) -> None:
    refused(body, words)


def test_other_bytes_than_those_asked_for_are_refused() -> None:
    with pytest.raises(UnusableModelError, match="expected sha256"):
        import_candidate(linear(), asked(b"others"), prepared(Task.BINARY), features(), example(Task.BINARY))


def test_a_mismatch_lists_both_sides() -> None:
    both = "The model takes x: float[rows, 3]; the definition gives the numbers a, b and the texts c"
    refused(linear(width=3), f"expected 3 columns, got a, b. {both}")
    refused(linear(width=3), "no column or feature is called 'd'", inputs=["a", "b", "d"])
    refused(linear(width=3), "input 'x' takes numbers, and 'c' is text; make a feature of it", inputs=["a", "b", "c"])
    refused(by_column(), "expected 3 columns, got a", inputs=["a"])


@pytest.mark.parametrize("element", [TensorProto.FLOAT, TensorProto.STRING])
def test_the_columns_of_a_matrix_of_unknown_width_are_not_guessed(element: int) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    body = saved(nodes, {"x": (element, [ROWS, "columns"])}, ("y", TensorProto.FLOAT, None))
    refused(body, "the file does not say how many columns 'x' takes; name them with 'inputs'. The model takes")


def test_an_input_that_no_column_is_named_like_is_told() -> None:
    body = by_column().replace(b"\n\x01a", b"\n\x01z")
    refused(body, "no column or feature is called 'z'; name the columns in the order of")


@pytest.mark.parametrize("batch", [1, 2])
def test_a_model_for_a_fixed_number_of_rows_is_refused(batch: int) -> None:
    refused(
        linear(batch=batch), f"input 'x' takes exactly {batch} rows at once; export the model with a first dimension"
    )


def test_a_model_that_fixes_its_rows_within_is_refused() -> None:
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    body = saved(
        nodes,
        {"x": (TensorProto.FLOAT, [ROWS, 2])},
        ("y", TensorProto.FLOAT, None),
        constants={"shape": np.array([1, 2])},
    )
    refused(body, "the model fails on 200 rows of the holdout", answer="logit")
    refused(one_node("ReduceSum", keepdims=1), "expected one answer for each of 200 rows, got the shape [1, 1]")


def test_an_input_of_another_kind_is_refused() -> None:
    shaped = saved(
        [helper.make_node("Flatten", ["x"], ["y"])],
        {"x": (TensorProto.FLOAT, [ROWS, 2, 2])},
        ("y", TensorProto.FLOAT, None),
    )
    refused(shaped, "input 'x': expected the shape [rows] or [rows, columns]")
    refused(
        one_node("Cast", element=TensorProto.UINT8, to=TensorProto.FLOAT),
        "expected a tensor of bool, double, float, float16, int32, int64",
    )


def test_nulls_do_not_become_integers_unseen() -> None:
    body = one_node("Cast", element=TensorProto.INT64, to=TensorProto.FLOAT)
    refused(body, "input 'x' holds no null, and 'a' may be null", inputs=["a", "b"])


def test_several_outputs_of_numbers_are_listed() -> None:
    model = onnx.load_from_string(linear())
    model.graph.output.append(helper.make_tensor_value_info("known", TensorProto.FLOAT, [ROWS, 2]))
    body = model.SerializeToString()
    refused(body, "expected one output of numbers, got 2 of y: float[rows, 1], known: float[rows, 2]; name one with")
    refused(body, "output: expected one of y: float[rows, 1], known: float[rows, 2]; got 'z'", output="z")


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]], ids=["integers", "texts"])
def test_labels_are_no_answer_even_if_they_are_asked_for(labels: list[Any]) -> None:
    _, body = boosted(prepared(Task.BINARY), labels)
    name = onnx.load_from_string(body).graph.output[0].name
    refused(body, f"output: expected one of float, got {name!r} of", output=name)


@pytest.mark.parametrize("classes", [["True", "False"], ["False", "True"], ["banana"]])
def test_one_number_has_no_order_of_classes(classes: list[str]) -> None:
    words = "classes: expected none, since 'y' gives one number for each row, which is that of True; leave them out"
    refused(linear(), words, answer="logit", classes=classes)
    words = "classes: expected none, since 'y' gives one number for each row; leave them out"
    refused(linear(), words, task=Task.REGRESSION, classes=classes)


def test_labels_alone_are_no_answer() -> None:
    node = helper.make_node("ArgMax", ["x"], ["y"], axis=1)
    body = saved([node], {"x": (TensorProto.FLOAT, [ROWS, 2])}, ("y", TensorProto.INT64, [ROWS, 1]))
    refused(body, "expected one output of numbers, got 0 of y: int64[rows, 1]")


def test_numbers_that_are_no_probabilities_are_refused() -> None:
    refused(linear(), "expected probabilities, got numbers from -0.5395 to 0.6749; if they are logits, say so")
    refused(linear(classes=3), "expected 1 or 2 numbers for each row of the classes False, True, got 3 from 'y'")


def test_a_model_without_answers_for_nulls_is_refused_and_the_column_named() -> None:
    refused(
        one_node("Identity"), "answers no number for 12 of 200 rows of the holdout, where a may be null", answer="logit"
    )


def test_an_answer_that_depends_on_no_column_is_refused() -> None:
    """As many answers as rows, all the same; a file may declare an input and not use it."""
    inputs = {"x": (TensorProto.FLOAT, [ROWS, 2])}
    body = saved(
        [helper.make_node("Identity", ["same"], ["y"])],
        inputs,
        ("y", TensorProto.FLOAT, [200]),
        constants={"same": np.full(200, 0.5, np.float32)},
    )
    refused(body, "the answer of the model depends on no column")


def test_labels_of_other_classes_are_refused() -> None:
    _, body = boosted(prepared(Task.MULTICLASS), ["one", "two", "three"])
    refused(body, "classes: expected x, y, ž in the model's order, got one, three, two", task=Task.MULTICLASS)


def test_probabilities_are_no_logits() -> None:
    """As such they would all be squashed to between 0.5 and 0.73, in the same order: no ranking tells."""
    _, body = boosted(prepared(Task.BINARY), [0, 1], zipmap=False)
    refused(body, "probabilities already; leave answer = 'logit' out", answer="logit")
