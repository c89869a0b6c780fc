"""What operators may call over HTTP, for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from everloop.contracts.rows import MAXIMUM_ROWS
from everloop.inference.openapi.operation import VERSION, Schema

_MOMENT: Schema = {"type": "string", "format": "date-time"}
_TEXT: Schema = {"type": "string"}
_DURATION: Schema = {"type": "string", "examples": ["7 days", "12 hours"]}


class OperatorRoute(NamedTuple):
    route: str
    summary: str
    query: Mapping[str, str] = {}
    """Moments, each with its meaning; all may be left out."""
    body: Schema | None = None
    status: int = 200
    media_type: str = "application/json"


def _body(required: Sequence[str] = (), **properties: Schema) -> Schema:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


OPERATOR_ROUTES = (
    OperatorRoute("GET /models", "All models."),
    OperatorRoute("GET /models/{model}", "A model: task, inputs, champion, versions."),
    OperatorRoute("GET /models/{model}/versions", "The versions with their metrics."),
    OperatorRoute("GET /models/{model}/versions/{version}", "A version: metrics, lineage, files."),
    OperatorRoute("GET /models/{model}/versions/{version}/card", "The model card.", media_type="text/markdown"),
    OperatorRoute(
        "GET /models/{model}/versions/{version}/plots/{plot}", "A plot of the card.", media_type="image/svg+xml"
    ),
    OperatorRoute(
        "GET /models/{model}/datasets",
        "The dataset versions, or what a training would learn from at a moment.",
        {"as_of": "Only rows before it.", "known_at": "Only batches received until then."},
    ),
    OperatorRoute(
        "GET /predictions/{prediction_id}", "Why a prediction is what it is: from its row back to the files."
    ),
    OperatorRoute("GET /models/{model}/datasets/{version}", "A dataset version: batches, columns, counts."),
    OperatorRoute("GET /models/{model}/datasets/{version}/diff/{other}", "How two dataset versions differ."),
    OperatorRoute(
        "GET /models/{model}/history",
        "Who was champion when, and why.",
        {"at": "Only who was champion at this moment."},
    ),
    OperatorRoute("GET /models/{model}/traffic", "The experiment that runs, and how it would be judged now."),
    OperatorRoute("GET /models/{model}/monitoring", "The monitoring checks, oldest first."),
    OperatorRoute(
        "GET /predictions/{prediction_id}",
        "Where a logged prediction came from: inputs, version, dataset, files; and the same answer made again.",
    ),
    OperatorRoute("GET /models/{model}/runs", "The training runs that have ended, newest last."),
    OperatorRoute("GET /models/{model}/runs/{run_id}", "How a training run ended."),
    OperatorRoute(
        "POST /models/{model}/trainings", "Ask for a training run.", body=_body(as_of=_MOMENT, reason=_TEXT), status=202
    ),
    OperatorRoute(
        "POST /models/{model}/versions/{version}/reproductions",
        "Ask for a run that makes a version again and compares the bytes.",
        status=202,
    ),
    OperatorRoute(
        "POST /models/{model}/imports",
        "Ask for a run that judges a model that was trained elsewhere.",
        body=_body(
            ["sha256"],
            sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
            file=_TEXT,
            inputs={"type": "array", "items": _TEXT},
            output=_TEXT,
            answer={"enum": ["probability", "logit"]},
            classes={"type": "array", "items": _TEXT},
            reference=_body(["sha256"], sha256=_TEXT, file=_TEXT, prediction=_TEXT),
            as_of=_MOMENT,
            reason=_TEXT,
        ),
        status=202,
    ),
    OperatorRoute(
        "POST /models/{model}/promote",
        "Make a version the champion.",
        body=_body(["version"], version=VERSION, reason=_TEXT),
    ),
    OperatorRoute(
        "POST /models/{model}/rollback", "Give the model back to the champion before.", body=_body(reason=_TEXT)
    ),
    OperatorRoute(
        "POST /models/{model}/traffic",
        "Begin an experiment with a challenger, or end the one that runs.",
        body=_body(
            ["mode"],
            mode={"enum": ["ab", "canary", "shadow", "champion"]},
            challenger=VERSION,
            share={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            **{"for": _DURATION},
            steps={"type": "array", "items": {"type": "number"}, "minItems": 1},
            step_for=_DURATION,
            guardrails={"type": "object"},
            decides={"type": "boolean"},
            reason=_TEXT,
        ),
    ),
    OperatorRoute(
        "POST /models/{model}/events",
        "Tell rows that happened, whole as in an uploaded file.",
        body=_body(
            ["rows"], rows={"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MAXIMUM_ROWS}
        ),
        status=202,
    ),
)
"""What operators may call, with the placeholders of the routes that are deployed."""
