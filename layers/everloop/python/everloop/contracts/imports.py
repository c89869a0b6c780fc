"""A model that was trained elsewhere: which file it is, and how what it takes and answers is that of the definition."""

from typing import Annotated, Literal

from pydantic import Field

from everloop.contracts.base import Contract

MAXIMUM_MODEL_MB = 100
"""In millions of bytes: what a function of 1 GB can hold, as a file and as a session."""

MAXIMUM_NAMES = 1_000
"""Of columns, or of classes: a request travels as one event."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f`<>|]+$", max_length=255)]
"""Without a folder. The card of a version shows it between backticks, also in a table, so without what ends either."""
Name = Annotated[str, Field(min_length=1, max_length=255)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAXIMUM_NAMES)]

EXPECTED = {
    "sha256": "64 hexadecimal digits in lower case",
    "file": "the name of a file, without its folder and without ` < > |",
    "inputs": f"a list of at most {MAXIMUM_NAMES} names of columns and features",
    "output": "the name of an output",
    "answer": "'probability' or 'logit'",
    "classes": f"a list of at most {MAXIMUM_NAMES} names of classes",
    "reference": 'an object {"sha256": …}',
    "prediction": "the name of a column",
}
"""What the caller is told that a field takes."""


class Reference(Contract):
    """Rows, each with what the model answered where it was trained."""

    sha256: Sha256
    file: FileName = "reference"
    prediction: Name = "prediction"
    """The column that holds it; of a multiclass model the beginning of one name for each class: prediction_<class>."""


class ImportedModel(Contract):
    """Both files lie in the landing bucket, under `model_key` and `reference_key`."""

    sha256: Sha256
    file: FileName = "model.onnx"
    """Its name where it came from."""
    inputs: Names = ()
    """Columns and features in the order in which the model takes them, input after input; empty: by their names, or for
    a single matrix of as many columns all numbers (or texts) in the order of the definition."""
    output: Name | None = None
    """None: the only one that holds numbers."""
    answer: Literal["probability", "logit"] = "probability"
    """What a classifier gives."""
    classes: Names = ()
    """Of several probabilities, in their order; empty: as the file says, else sorted."""
    reference: Reference | None = None


def model_key(model: str, sha256: str) -> str:
    return f"imports/{model}/{sha256}.onnx"


def reference_key(model: str, sha256: str) -> str:
    return f"imports/{model}/{sha256}.reference"
