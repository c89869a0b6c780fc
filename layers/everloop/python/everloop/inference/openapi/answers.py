"""What callers are answered, as JSON Schema (draft 2020-12), by the task and the target of a model."""

from typing import Any

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.inference.openapi.operation import Schema
from everloop.inference.openapi.requests import EXAMPLE_ID, example_cell, item_examples

PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was expected, what came, and what to do."},
        "instance": {"type": "string", "description": "The id of the request, where API Gateway refused it."},
        "errors": {
            "type": "array",
            "description": "Each wrong value.",
            "items": {
                "type": "object",
                "properties": {
                    "row": {"type": "integer", "description": "From 0."},
                    "column": {"type": "string"},
                    "expected": {"type": "string"},
                    "got": {"type": "string"},
                },
                "required": ["row", "column", "expected", "got"],
            },
        },
    },
    "required": ["title", "detail"],
}

RECORDED: Schema = {
    "type": "object",
    "properties": {"model": {"type": "string"}, "recorded": {"type": "integer", "description": "How many."}},
    "required": ["model", "recorded"],
}

_VARIANTS = {
    "champion": "of the version that answers by default",
    "challenger": "assigned to the other side of an experiment",
    "pinned": "asked for by the number of a version",
}


def predictions_schema(model: str, prediction: Schema) -> Schema:
    """The body of an answer; `prediction` may be a reference."""
    version = {"type": ["integer", "null"], "description": "The one version that answered; null for none or several."}
    predictions = {"type": "array", "items": prediction, "description": "One for each row, in their order."}
    return {
        "type": "object",
        "properties": {"model": {"const": model}, "version": version, "predictions": predictions},
        "required": ["model", "version", "predictions"],
    }


def prediction_schema(definition: Definition) -> Schema:
    properties: dict[str, Schema] = {
        "prediction_id": {
            "type": "string",
            "description": "Keep it to tell the outcome later. Ids sort by time.",
            "examples": [EXAMPLE_ID],
        },
        **_told(definition),
        "version": {
            "type": ["integer", "null"],
            "description": "Which version answered; null when a rule or the declared constant did.",
            "examples": [1],
        },
        "answered_by": {
            "type": "string",
            "enum": _answerers(definition),
            "description": "A rule, the version the row was assigned to (model), or a fallback in its place.",
            "examples": ["model"],
        },
        "variant": {
            "type": "string",
            "enum": list(_VARIANTS),
            "description": "Whose row it is, whoever answered: "
            + "; ".join(f"{name}, {meaning}" for name, meaning in _VARIANTS.items())
            + ".",
            "examples": ["champion"],
        },
    }
    required = [name for name in properties if name != "label"]
    return {"type": "object", "properties": properties, "required": required}


def _told(definition: Definition) -> dict[str, Schema]:
    name = definition.data.target
    target = definition.columns[name]
    match definition.task:
        case Task.BINARY:
            return {
                "score": _probability("number", f"Probability that {name} is {_positive(definition)}."),
                "label": _class(
                    definition, "The class by the threshold of the model. Absent where a constant answers."
                ),
            }
        case Task.MULTICLASS:
            return {
                "score": _probability(["number", "null"], "Probability of the label; null where a constant answers."),
                "label": _class(definition, "The most probable class."),
            }
        case Task.RECOMMENDATION:
            item = {"type": ["integer", "string"] if target.type is ColumnType.INTEGER else "string"}
            scored = {"item": item, "score": {"type": ["number", "null"]}}
            items = {"type": "object", "properties": scored, "required": ["item", "score"]}
            first, second = item_examples(definition)
            best = [{"item": first, "score": 1.82}, {"item": second, "score": 1.4}]
            meaning = "The best first. Scores order the items of one answer; null for those of a constant."
            return {"items": {"type": "array", "items": items, "description": meaning, "examples": [best]}}
    told = f"The prediction of {name}" + (f": {target.description}" if target.description else ".")
    value: Schema = {"type": "number", "description": told, "examples": [example_cell(name, target)]}
    return {"value": value} | ({"missing_lags": _missing_lags(definition)} if definition.forecast else {})


def _probability(kind: Any, meaning: str) -> Schema:
    return {"type": kind, "minimum": 0, "maximum": 1, "description": meaning, "examples": [0.25]}


def _class(definition: Definition, meaning: str) -> Schema:
    name = definition.data.target
    target = definition.columns[name]
    kind: Any = {ColumnType.BOOLEAN: "boolean", ColumnType.INTEGER: "integer", ColumnType.NUMBER: "number"}.get(
        target.type, "string"
    )
    if definition.task is Task.MULTICLASS and kind == "integer":
        kind = ["integer", "string"]  # which a rule or the fallback answers with
    return {"type": kind, "description": meaning, "examples": [example_cell(name, target)]}


def _positive(definition: Definition) -> str:
    if definition.data.positive is not None:
        return definition.data.positive
    is_boolean = definition.columns[definition.data.target].type is ColumnType.BOOLEAN
    return "true" if is_boolean else "1"


def _missing_lags(definition: Definition) -> Schema:
    assert definition.forecast
    lags = list(definition.forecast.histories(definition.data.target))
    meaning = "Which inputs made from the series' past are null; the more, the less the value is worth."
    return {"type": "array", "items": {"type": "string", "enum": lags}, "description": meaning, "examples": [[]]}


def _answerers(definition: Definition) -> list[str]:
    rules = [f"rule:{rule.name}" for rule in definition.serving.rules]
    constant = ["fallback:default"] if definition.serving.fallback is not None else []
    return [*rules, "model", "fallback:champion", "fallback:previous", *constant]
