"""Which rule answers a row: the first one it meets, by the graph that was compiled from the definition."""

import numpy as np
import numpy.typing as npt

from everloop.columns import Columns
from everloop.contracts.definition import Definition
from everloop.errors import ModelLoadError, ModelUnavailableError, WrongSchemaError
from everloop.scorer import open_session

NO_RULE = -1


class Rules:
    """Raises ModelLoadError when the bytes are no graph that can be run, WrongSchemaError when it is of other rules."""

    def __init__(self, graph: bytes, definition: Definition) -> None:
        try:
            self._session = open_session(graph)
        except ModelLoadError as error:
            raise ModelLoadError(f"the rules of {definition.name!r}: {error}") from error
        self.inputs = tuple(value.name for value in self._session.get_inputs())
        shapes = [value.shape for value in self._session.get_outputs()]
        expected = ["N", len(definition.serving.rules)]
        if shapes != [expected]:
            raise WrongSchemaError(
                f"the rules of {definition.name!r}: expected one output of shape {expected}, got {shapes}; deploy again"
            )

    def first_matching(self, columns: Columns) -> npt.NDArray[np.int64]:
        """[n]: of each row the place of its rule in `serving.rules`, or NO_RULE. Raises ModelUnavailableError."""
        missing = [name for name in self.inputs if name not in columns]
        if missing:
            raise WrongSchemaError(f"the rules take columns the definition no longer has: {', '.join(missing)}")
        try:
            (met,) = self._session.run(None, {name: columns[name] for name in self.inputs})
        except Exception as error:  # onnxruntime raises many unrelated types for one cause
            raise ModelUnavailableError(f"the rules failed: {error}") from error
        first: npt.NDArray[np.int64] = np.where(met.any(axis=1), met.argmax(axis=1), NO_RULE)
        return first
