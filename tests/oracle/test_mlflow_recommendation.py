"""MLflow asks a version that recommends with a user's id, or with a list of items."""

from pathlib import Path

import onnx
import pytest

from everloop.contracts.recommendation import ITEMS
from everloop.features.profile import Profile
from everloop.training.candidate import fit_candidate
from everloop.training.mlflow_directory import mlflow_files
from everloop.training.search import draw_parameters
from tests.samples import REQUEST
from tests.shoppers import dataset_of, definition, group_of, purchases

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed; run make test-oracles")
pd = pytest.importorskip("pandas")

pytestmark = pytest.mark.oracle
ALGORITHM = "item-similarity"


def test_mlflow_recommends_to_a_user_and_by_items(tmp_path: Path) -> None:
    asked = definition()
    dataset = dataset_of(purchases(), asked, tmp_path)
    model = fit_candidate(ALGORITHM, draw_parameters(ALGORITHM, 0, 7), dataset, onnx.ModelProto(), asked).model
    directory = tmp_path / "version"
    directory.mkdir()
    for name, body in (mlflow_files(asked, model, REQUEST, Profile(0, {})) | {"model.onnx": model}).items():
        (directory / name).write_bytes(body)
    loaded = mlflow.pyfunc.load_model(str(directory))
    frame = pd.DataFrame({"shopper": ["0-s0", None], ITEMS: [None, ["3-ä1", "3-ä2"]]})
    by_id, by_items = loaded.predict(frame).to_dict("records")
    assert {group_of(item) for item in by_id["items"]} == {0}
    assert {group_of(item) for item in by_items["items"]} == {3}
    assert by_id["scores"] == sorted(by_id["scores"], reverse=True)
    assert len(loaded.predict(loaded.input_example)) == 1
