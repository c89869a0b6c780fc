"""The dataset between two steps: typed arrays, nothing pickled."""

import io
import zipfile

import numpy as np
import pytest

from everloop.contracts.tasks import Task
from everloop.training.prepared import PreparedDataset
from tests.samples import CLASSES, prepared


@pytest.mark.parametrize("task", CLASSES)
def test_a_dataset_comes_back_as_it_was(task: Task) -> None:
    dataset = prepared(task, directions=[1, -1], free_texts=["c"])
    again = PreparedDataset.from_npz(dataset.to_npz())
    for name in (
        "task",
        "classes",
        "dataset_version",
        "number_names",
        "text_names",
        "free_texts",
        "holdout_rows",
        "batches",
        "split_id",
        "directions",
    ):
        assert getattr(again, name) == getattr(dataset, name), name
    for ours, theirs in ((again.inputs, dataset.inputs), (again.probes, dataset.probes)):
        np.testing.assert_array_equal(ours.numbers, theirs.numbers)
        np.testing.assert_array_equal(ours.texts, theirs.texts)
    for name in ("target", "holdout_time", "holdout_batch"):
        np.testing.assert_array_equal(getattr(again, name), getattr(dataset, name))
    for ours, theirs in ((again.holdout_raw, dataset.holdout_raw), (again.probes_raw, dataset.probes_raw)):
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            assert ours[name].dtype == values.dtype, name
            np.testing.assert_array_equal(ours[name], values)


def test_one_long_text_makes_the_file_as_much_longer_and_no_more() -> None:
    dataset = prepared(Task.BINARY)
    size = len(dataset.to_npz())
    dataset.inputs.texts[0, 0] = "字" * 1_000_000
    assert len(dataset.to_npz()) < size + 3_100_000


def test_the_file_holds_no_pickle() -> None:
    with zipfile.ZipFile(io.BytesIO(prepared(Task.BINARY).to_npz())) as archive:
        for name in archive.namelist():
            assert archive.read(name)[:6] == b"\x93NUMPY"
            np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)


def test_a_pickled_array_is_refused() -> None:
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.array([{"task": "regression"}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        PreparedDataset.from_npz(buffer.getvalue())


def test_train_and_holdout_share_no_row_and_leave_none_out() -> None:
    dataset = prepared(Task.REGRESSION, rows=50, holdout_rows=20)
    (_, train), (_, holdout) = dataset.train, dataset.holdout
    assert (len(train), len(holdout)) == (30, 20)
    np.testing.assert_array_equal(np.concatenate([train, holdout]), dataset.target)
