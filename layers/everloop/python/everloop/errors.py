"""Every error Everloop raises on purpose, in one tree.

EverloopError
├── SettingsError                 a function was deployed without a setting it needs
├── DefinitionError               models/<name>.toml is wrong
├── RequestError                  the caller's fault (HTTP 4xx); `status` and `problems` go into the answer
│   ├── MalformedBodyError        400
│   ├── InvalidRowsError          422, one problem for each wrong cell
│   ├── NotFoundError             404
│   ├── ConflictingRequestError   409
│   ├── BodyTooLargeError         413
│   └── UnsupportedMediaTypeError 415
├── BatchRejectedError            a whole file cannot be used; `reason` is a documented code
├── StorageError
│   ├── ObjectNotFoundError
│   └── PreconditionFailedError   somebody else wrote first (a lost compare-and-swap)
├── TrainingError                 a run ends with this named reason; the champion stays as it is
│   ├── TooFewRowsError
│   ├── UnusableRowsError
│   ├── UnusableTargetError
│   ├── AllTrialsFailedError
│   ├── TrainingInProgressError   another run of the model goes on
│   ├── NotReproducibleError      the dataset of a version cannot be made again
│   ├── UnusableModelError        an imported file is no model that can answer for this definition
│   └── UnusableReferenceError    the predictions that came with it cannot be read
└── ModelUnavailableError         a version cannot answer; the next one in line does
    ├── ModelMissingError         the registry has no such version, or not its model
    ├── IntegrityError            its bytes do not match its manifest: never loaded
    ├── ModelLoadError            the bytes are intact, and no model that can be run here
    ├── WrongSchemaError          it takes or answers something else than the definition says
    ├── ModelTooSlowError         it did not answer within the latency that the definition allows
    ├── NotFiniteError            it answered NaN or infinity
    └── VersionRestsError         it failed repeatedly and is left alone for a while
"""

from collections.abc import Sequence
from typing import Any


class EverloopError(Exception):
    """Root of the tree: catch it to catch all that Everloop raises on purpose."""


class SettingsError(EverloopError):
    pass


class DefinitionError(EverloopError):
    pass


class RequestError(EverloopError):
    """The caller can mend it; becomes an RFC 9457 problem document."""

    status = 400
    title = "Bad request"

    def __init__(self, detail: str, problems: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = list(problems)


class MalformedBodyError(RequestError):
    title = "The body cannot be read"


class InvalidRowsError(RequestError):
    status = 422
    title = "Some values do not fit the model's definition"


class NotFoundError(RequestError):
    status = 404
    title = "Not found"


class ConflictingRequestError(RequestError):
    status = 409
    title = "The present state does not allow it"


class BodyTooLargeError(RequestError):
    status = 413
    title = "The body is too large"


class UnsupportedMediaTypeError(RequestError):
    status = 415
    title = "The body is of another type"


class BatchRejectedError(EverloopError):
    """A file is refused whole; nothing of it enters the lake but its report."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class HistoryUnavailableError(EverloopError):
    """An answer was given without the history of its entities: it is not kept yet, damaged, or declared anew."""


class StorageError(EverloopError):
    pass


class ObjectNotFoundError(StorageError):
    pass


class PreconditionFailedError(StorageError):
    pass


class TrainingError(EverloopError):
    pass


class TooFewRowsError(TrainingError):
    pass


class UnusableRowsError(TrainingError):
    pass


class UnusableTargetError(TrainingError):
    pass


class AllTrialsFailedError(TrainingError):
    pass


class TrainingInProgressError(TrainingError):
    pass


class NotReproducibleError(TrainingError):
    pass


class UnusableModelError(TrainingError):
    def __init__(self, message: str) -> None:
        super().__init__(message[:4000])  # a file may have thousands of inputs, with names as long as it likes


class UnusableReferenceError(TrainingError):
    pass


class ModelUnavailableError(EverloopError):
    pass


class ModelMissingError(ModelUnavailableError):
    pass


class IntegrityError(ModelUnavailableError):
    pass


class ModelLoadError(ModelUnavailableError):
    pass


class WrongSchemaError(ModelUnavailableError):
    pass


class ModelTooSlowError(ModelUnavailableError):
    pass


class NotFiniteError(ModelUnavailableError):
    pass


class VersionRestsError(ModelUnavailableError):
    pass
