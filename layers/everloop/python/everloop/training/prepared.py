"""The dataset as the training steps take it: typed arrays in one .npz, nothing pickled."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.recommendation import Recommendation
from everloop.contracts.tasks import Task

_RAW = "raw/"
_PROBE = "probe/"


@dataclass(frozen=True)
class Inputs:
    """What the fitted pipeline sees, and the raw columns it came from."""

    numbers: npt.NDArray[np.float32]
    """[n, numbers] with NaN for null."""
    texts: npt.NDArray[Any]
    """[n, texts] of Python strings with '' for null: in numpy's own, the longest would be the size of all."""

    def __getitem__(self, rows: Any) -> "Inputs":
        return Inputs(self.numbers[rows], self.texts[rows])

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class PreparedDataset:
    """Rows in training order: the last `holdout_rows` are the holdout, by time or after a seeded shuffle."""

    task: Task
    classes: list[Any]
    """Labels by class index; empty for regression."""
    dataset_version: str
    number_names: list[str]
    text_names: list[str]
    inputs: Inputs
    target: npt.NDArray[np.float64]
    """Class index or value, [n]."""
    holdout_rows: int
    holdout_raw: Columns
    """The holdout's raw columns, as the served model takes them."""
    holdout_time: npt.NDArray[np.float64]
    """Epoch seconds of the holdout's rows; NaN for a model without a timestamp."""
    holdout_batch: npt.NDArray[np.int64]
    """Which of `batches` each row of the holdout came in."""
    batches: list[str]
    """Batch ids in the order they were received."""
    split_id: str
    """Equal for two datasets with the same rows split in the same way."""
    probes: Inputs
    """Adversarial rows (nulls, unseen levels, extremes) for the parity proof."""
    probes_raw: Columns
    free_texts: list[str] = field(default_factory=list)
    """Which of the texts are read word by word; the others are categories."""
    directions: list[int] = field(default_factory=list)
    """Of each number, as its column declares it: 1 increasing, -1 decreasing, 0 for none. Empty: none has one."""
    history: dict[str, str] = field(default_factory=dict)
    """Of each history feature, the hash of its declaration: the model takes no other under its name."""
    recommendation: Recommendation | None = None
    """Of that task. A row is then an interaction: its text the user, its target the item by its place in `classes`;
    `holdout_raw` has a request for each user of the holdout, and `probes` are none but those raw."""

    @property
    def free_places(self) -> list[int]:
        return [place for place, name in enumerate(self.text_names) if name in self.free_texts]

    @property
    def train_rows(self) -> slice:
        return slice(len(self.target) - self.holdout_rows)

    @property
    def train(self) -> tuple[Inputs, npt.NDArray[np.float64]]:
        return self.inputs[self.train_rows], self.target[self.train_rows]

    @property
    def holdout(self) -> tuple[Inputs, npt.NDArray[np.float64]]:
        start = len(self.target) - self.holdout_rows
        return self.inputs[start:], self.target[start:]

    def to_npz(self) -> bytes:
        meta = {
            "task": self.task,
            "classes": self.classes,
            "dataset_version": self.dataset_version,
            "number_names": self.number_names,
            "text_names": self.text_names,
            "free_texts": self.free_texts,
            "holdout_rows": self.holdout_rows,
            "batches": self.batches,
            "split_id": self.split_id,
            "directions": self.directions,
            "history": self.history,
            "recommendation": self.recommendation and self.recommendation.model_dump(),
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "meta": np.array(json.dumps(meta)),
            "numbers": self.inputs.numbers,
            "texts": storable(self.inputs.texts),
            "target": self.target,
            "holdout_time": self.holdout_time,
            "holdout_batch": self.holdout_batch,
            "probe_numbers": self.probes.numbers,
            "probe_texts": storable(self.probes.texts),
        }
        for prefix, columns in ((_RAW, self.holdout_raw), (_PROBE, self.probes_raw)):
            arrays |= {prefix + name: storable(values) for name, values in columns.items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_npz(cls, body: bytes) -> "PreparedDataset":
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            meta = json.loads(str(stored["meta"]))
            return cls(
                task=Task(meta.pop("task")),
                recommendation=Recommendation(**options) if (options := meta.pop("recommendation")) else None,
                **meta,
                inputs=Inputs(stored["numbers"], loaded(stored["texts"])),
                target=stored["target"],
                holdout_time=stored["holdout_time"],
                holdout_batch=stored["holdout_batch"],
                probes=Inputs(stored["probe_numbers"], loaded(stored["probe_texts"])),
                holdout_raw={n.removeprefix(_RAW): loaded(stored[n]) for n in stored if n.startswith(_RAW)},
                probes_raw={n.removeprefix(_PROBE): loaded(stored[n]) for n in stored if n.startswith(_PROBE)},
            )


def storable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Texts as the bytes of their JSON: numpy's own would give each the room of the longest."""
    if values.dtype.kind not in "OU":
        return values
    return np.frombuffer(json.dumps(values.tolist(), ensure_ascii=False).encode(), np.uint8)


def loaded(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.array(json.loads(values.tobytes()), dtype=object) if values.dtype == np.uint8 else values
