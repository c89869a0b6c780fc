"""Files exported by PyTorch and LightGBM are imported, and answer as those libraries do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from everloop.contracts.tasks import Task
from everloop.errors import UnusableModelError
from everloop.features.compile import compile_features
from everloop.scorer import Scorer
from everloop.training.candidate import Candidate
from everloop.training.evaluation import evaluate
from everloop.training.importing.candidate import import_candidate
from everloop.training.importing.reference import ReferenceRows
from tests.foreign import asked
from tests.samples import example, prepared

torch = pytest.importorskip("torch", reason="PyTorch is not installed; run make test-oracles")
lightgbm = pytest.importorskip("lightgbm", reason="LightGBM is not installed; run make test-oracles")
onnxmltools = pytest.importorskip("onnxmltools", reason="onnxmltools is not installed; run make test-oracles")
types = pytest.importorskip("onnxmltools.convert.common.data_types")

pytestmark = pytest.mark.oracle

ROWS = 600
TASKS = (Task.BINARY, Task.MULTICLASS, Task.REGRESSION)


def definition_of(task: Task) -> Any:
    """With a feature for what these models cannot take: null, and texts."""
    features = {"known_a": "coalesce(a, 0)", "big_b": "b / 100000", "is_aa": "CASE WHEN c = 'AA' THEN 1 ELSE 0 END"}
    return example(task, features=features)


def dataset_of(task: Task) -> Any:
    plain = prepared(task, rows=ROWS)
    (a, b), c = plain.inputs.numbers.T, plain.inputs.texts[:, 0]
    numbers = np.column_stack([a, b, np.nan_to_num(a), b / 1e5, c == "AA"]).astype(np.float32)
    names = ["a", "b", "known_a", "big_b", "is_aa"]
    return prepared(task, rows=ROWS, number_names=names, inputs=type(plain.inputs)(numbers, plain.inputs.texts))


def imported(body: bytes, task: Task, expected: Any, **how: Any) -> Candidate:
    """With what the library says of the holdout as the reference; each gate must let it through."""
    dataset, definition = dataset_of(task), definition_of(task)
    features = compile_features(definition).to_onnx(apart=True)
    reference = ReferenceRows(dataset.holdout_raw, np.asarray(expected, dtype=np.float64))
    told = {"sha256": "0" * 64, "file": "reference.csv"}
    candidate = import_candidate(
        body, asked(body, reference=told, **how), dataset, features, definition, reference=reference
    )
    assert_allclose(Scorer(candidate.model).score(dataset.holdout_raw), expected, atol=1e-5, rtol=1e-5)
    gates = evaluate(candidate, dataset, definition, None).gates
    assert [gate for gate in gates if not gate.passed] == []
    assert candidate.parity_rows == 2 * dataset.holdout_rows
    return candidate


# LightGBM, by onnxmltools


def boosted(task: Task) -> Any:
    dataset = dataset_of(task)
    inputs, target = dataset.train
    kind = lightgbm.LGBMRegressor if task is Task.REGRESSION else lightgbm.LGBMClassifier
    labels = np.array(dataset.classes)[target.astype(int)] if task is Task.MULTICLASS else target
    return kind(n_estimators=30, verbose=-1, random_state=7).fit(inputs.numbers, labels)


@pytest.mark.parametrize("zipmap", [True, False], ids=["dictionaries", "matrix"])
@pytest.mark.parametrize("task", TASKS, ids=str)
def test_lightgbm(task: Task, zipmap: bool) -> None:
    model, numbers = boosted(task), dataset_of(task).holdout[0].numbers
    file = onnxmltools.convert_lightgbm(
        model, initial_types=[("input", types.FloatTensorType([None, numbers.shape[1]]))], zipmap=zipmap
    )
    if task is Task.REGRESSION:
        expected = model.predict(numbers)
    else:
        expected = model.predict_proba(numbers)
        expected = expected if task is Task.MULTICLASS else expected[:, 1]
    candidate = imported(file.SerializeToString(), task, expected)
    assert candidate.imported["producer"] == "OnnxMLTools"


# PyTorch, by both of its exporters

TAKEN = ["known_a", "big_b", "is_aa"]


def network(task: Task) -> Any:
    """Fitted by hand, so that it passes the gates; answers logits, or values."""
    torch.manual_seed(7)
    dataset = dataset_of(task)
    outputs = len(dataset.classes) if task is Task.MULTICLASS else 1
    layers = [torch.nn.Linear(len(TAKEN), 16), torch.nn.LayerNorm(16), torch.nn.ReLU(), torch.nn.Linear(16, outputs)]
    model = torch.nn.Sequential(*layers)
    inputs, target = dataset.train
    x, y = torch.tensor(inputs.numbers[:, 2:]), torch.tensor(target, dtype=torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    loss_of = {
        Task.BINARY: lambda answer: torch.nn.functional.binary_cross_entropy_with_logits(answer[:, 0], y),
        Task.MULTICLASS: lambda answer: torch.nn.functional.cross_entropy(answer, y.long()),
        Task.REGRESSION: lambda answer: torch.nn.functional.mse_loss(answer[:, 0], y),
    }[task]
    for _ in range(150):
        optimizer.zero_grad()
        loss_of(model(x)).backward()
        optimizer.step()
    return model.eval()


def exported(model: Any, folder: Path, *, new: bool, **how: Any) -> bytes:
    rows = torch.zeros(2, len(TAKEN))
    path = folder / "model.onnx"
    torch.onnx.export(model, (rows,), path, dynamo=new, input_names=["x"], output_names=["y"], **how)
    return path.read_bytes()


@pytest.mark.parametrize("new", [True, False], ids=["dynamo", "torchscript"])
@pytest.mark.parametrize("task", TASKS, ids=str)
def test_pytorch(task: Task, new: bool, tmp_path: Path) -> None:
    model = network(task)
    any_rows = {"dynamic_shapes": ({0: torch.export.Dim("rows")},), "external_data": False}
    body = exported(model, tmp_path, new=new, **(any_rows if new else {"dynamic_axes": {"x": {0: "n"}, "y": {0: "n"}}}))
    with torch.no_grad():
        answer = model(torch.tensor(dataset_of(task).holdout[0].numbers[:, 2:])).double()
    expected = {
        Task.BINARY: lambda: torch.sigmoid(answer)[:, 0],
        Task.MULTICLASS: lambda: torch.softmax(answer, dim=1),
        Task.REGRESSION: lambda: answer[:, 0],
    }[task]().numpy()
    how = {"classes": ["x", "y", "ž"]} if task is Task.MULTICLASS else {}
    candidate = imported(body, task, expected, inputs=TAKEN, answer="logit", **how)
    assert candidate.imported["producer"] == "pytorch"


def test_what_pytorch_exports_by_default_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Its weights lie in a second file if there are any to speak of, and the number of rows is fixed."""
    model = torch.nn.Sequential(torch.nn.Linear(len(TAKEN), 500), torch.nn.Linear(500, 1))
    for how, words in (
        ({}, "exactly 2 rows at once|lie in another"),
        ({"external_data": True, "dynamic_shapes": ({0: torch.export.Dim("rows")},)}, "external_data=False"),
    ):
        body = exported(model, tmp_path, new=True, **how)
        with pytest.raises(UnusableModelError, match=words):
            imported(body, Task.BINARY, [], inputs=TAKEN)
