"""A model that was trained elsewhere: which file it is, and how what it takes and answers is that of the definition."""

from typing import Annotated, Literal

from pydantic import Field

from everloop.contracts.base import Contract

MAXIMUM_MODEL_MB = 100
"""In millions of bytes: what a function of 1 GB can hold, as a file and as a session."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f`<>|]+$", max_length=255)]
"""Shown in the card of a version, so without what Markdown takes for its own."""


class Reference(Contract):
    """Rows, each with what the model answered where it was trained."""

    sha256: Sha256
    file: FileName = "reference"
    prediction: str = "prediction"
    """The column that holds it; of a multiclass model the beginning of one name for each class: prediction_<class>."""


class ImportedModel(Contract):
    """Both files lie in the landing bucket, under `model_key` and `reference_key`."""

    sha256: Sha256
    file: FileName = "model.onnx"
    """Its name where it came from."""
    inputs: tuple[str, ...] = ()
    """Columns and features in the order in which the model takes them, input after input; empty: by their names, or for
    a single matrix all numbers (or texts) in the order of the definition."""
    output: str | None = None
    """None: the only one that holds numbers."""
    answer: Literal["probability", "logit"] = "probability"
    """What a classifier gives."""
    classes: tuple[str, ...] = ()
    """Of several probabilities, in their order; empty: as the file says, else sorted."""
    reference: Reference | None = None


def model_key(model: str, sha256: str) -> str:
    return f"imports/{model}/{sha256}.onnx"


def reference_key(model: str, sha256: str) -> str:
    return f"imports/{model}/{sha256}.reference"
