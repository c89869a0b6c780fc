"""One typed settings model per function: infra writes it with `to_env`, the handler reads it with `from_env`."""

import os
from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from everloop.errors import SettingsError

PREFIX = "EVERLOOP_"


class Settings(BaseModel):
    """Frozen and exact. Values are strings or numbers, so that CDK tokens pass through unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read `EVERLOOP_<FIELD>` variables; raises SettingsError naming the variable that is missing or wrong."""
        environ = os.environ if environ is None else environ
        found = {field: environ[name] for field in cls.model_fields if (name := PREFIX + field.upper()) in environ}
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            variable = PREFIX + str(first["loc"][0]).upper()
            raise SettingsError(
                f"environment variable {variable}: {first['msg'].lower()}; set it in infra and deploy"
            ) from error

    def to_env(self) -> dict[str, str]:
        return {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items()}


MAXIMUM_FIELD_KIB = 1_024
"""Ingestion and validation must agree on it, or the one hands over what the other cannot read."""


class IngestUploadSettings(Settings):
    lake_bucket: str
    event_bus: str
    maximum_file_mib: int = 256
    maximum_unpacked_mib: int = 1024
    """Both bounded by the function's disk, which holds the upload and its unpacked form."""
    maximum_unpacking_ratio: int = 200
    maximum_columns: int = 2_000
    maximum_field_kib: int = MAXIMUM_FIELD_KIB


class RecordEventsSettings(Settings):
    landing_bucket: str


class ValidateBatchSettings(Settings):
    lake_bucket: str
    event_bus: str
    maximum_field_kib: int = MAXIMUM_FIELD_KIB


class MaterializeHistorySettings(Settings):
    lake_bucket: str
    history_table: str


class BeginRunSettings(Settings):
    models_bucket: str


class PrepareDatasetSettings(Settings):
    landing_bucket: str
    lake_bucket: str


class RunTrialSettings(Settings):
    lake_bucket: str


class SelectTrialsSettings(Settings):
    lake_bucket: str


class FitCandidateSettings(Settings):
    lake_bucket: str


class ImportCandidateSettings(Settings):
    landing_bucket: str
    lake_bucket: str


class EvaluateCandidateSettings(Settings):
    lake_bucket: str
    models_bucket: str


class RegisterVersionSettings(Settings):
    lake_bucket: str
    models_bucket: str
    event_bus: str


class SetAliasSettings(Settings):
    models_bucket: str
    event_bus: str


class FinishRunSettings(Settings):
    models_bucket: str
    event_bus: str


class PredictSettings(Settings):
    models_bucket: str
    prediction_queue_url: str
    history_table: str
    aliases_max_age_s: float = 1.0
    """How long a warm worker may answer before it looks at the aliases again: the bound of a rollback."""


class RecordOutcomeSettings(Settings):
    prediction_queue_url: str


class DescribeApiSettings(Settings):
    max_age_s: int = 60
    """How long a client may show what it has after a deploy."""


class LogPredictionsSettings(Settings):
    lake_bucket: str
    models_bucket: str


class CheckModelSettings(Settings):
    lake_bucket: str
    models_bucket: str
    event_bus: str


class JudgeTrafficSettings(Settings):
    lake_bucket: str
    models_bucket: str
    event_bus: str


class ExplainPredictionSettings(Settings):
    lake_bucket: str
    models_bucket: str


class ReplayVersionSettings(Settings):
    lake_bucket: str
    models_bucket: str


class ReadModelsSettings(Settings):
    lake_bucket: str
    models_bucket: str


class OperateModelsSettings(Settings):
    models_bucket: str
    event_bus: str
