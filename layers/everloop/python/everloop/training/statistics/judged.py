"""What a statistic of the holdout is computed from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.metrics import Floats
from everloop.scorer import Scorer
from everloop.training.prepared import PreparedDataset


@dataclass(frozen=True)
class Judged:
    """A model that never saw the holdout, and its answers there."""

    definition: Definition
    dataset: PreparedDataset
    scorer: Scorer
    target: Floats
    score: Floats

    @property
    def seed(self) -> int:
        return self.definition.training.seed

    @property
    def scale(self) -> float:
        """What differences of answers are relative to: 1 for probabilities, the target's spread for values."""
        return float(np.std(self.dataset.target)) or 1.0 if self.dataset.task.answers_value else 1.0

    def draw(self, most: int) -> npt.NDArray[np.int64]:
        """Rows of the holdout, in their order: all of them, or as many drawn by the seed."""
        count = len(self.target)
        if count <= most:
            return np.arange(count)
        return np.sort(np.random.default_rng(self.seed).choice(count, most, replace=False))

    def raw(self, rows: npt.NDArray[np.int64]) -> Columns:
        return {name: values[rows] for name, values in self.dataset.holdout_raw.items()}
