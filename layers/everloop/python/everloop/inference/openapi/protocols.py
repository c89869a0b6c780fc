"""The operations of the protocols of others: Open Inference Protocol, MLflow and SageMaker."""

import json
from typing import Any

from everloop.contracts.columns import ColumnType
from everloop.contracts.definition import Definition
from everloop.contracts.recommendation import ITEMS
from everloop.contracts.rows import MAXIMUM_ROWS
from everloop.inference.openapi.operation import (
    KEY_HOLDERS,
    VERSION,
    Document,
    Schema,
    in_path,
    operation,
    schema_named,
    success,
)
from everloop.inference.openapi.requests import example_object
from everloop.inference.protocols.open_inference import ID_LENGTH
from everloop.inference.protocols.tensors import datatype_of, fields_of, to_tensors

_TEXT: Schema = {"type": "string"}
_TENSOR: Schema = {
    "name": _TEXT,
    "datatype": {"enum": ["BOOL", "BYTES", *(f"{kind}{n}" for kind in ("INT", "UINT") for n in (8, 16, 32, 64))]},
    "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    "parameters": {"type": "object"},
    "data": {"type": "array", "maxItems": MAXIMUM_ROWS, "description": "One value for each row."},
}
_TENSOR["datatype"]["enum"] += [f"FP{bits}" for bits in (16, 32, 64)]
_METADATA = {"type": "object", "properties": {name: _TENSOR[name] for name in ("name", "datatype", "shape")}}


def _object(required: list[str], **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


PROTOCOL_SCHEMAS: dict[str, Schema] = {
    "OpenInference.Error": _object(["error"], error=_TEXT),
    "OpenInference.Ready": _object(["ready"], name=_TEXT, ready={"type": "boolean"}),
    "OpenInference.Model": _object(
        ["name", "versions", "platform", "inputs", "outputs"],
        name=_TEXT,
        versions={"type": "array", "items": _TEXT},
        platform=_TEXT,
        inputs={"type": "array", "items": _METADATA},
        outputs={"type": "array", "items": _METADATA},
    ),
    "OpenInference.Answer": _object(
        ["model_name", "outputs"],
        model_name=_TEXT,
        model_version=_TEXT,
        id=_TEXT,
        outputs={"type": "array", "items": _object(["name", "datatype", "shape"], **_TENSOR)},
    ),
    "MLflow.Error": _object(["error_code", "message"], error_code=_TEXT, message=_TEXT),
}


def of_server() -> dict[str, Document]:
    about = _object(["name"], name=_TEXT, version=_TEXT, extensions={"type": "array", "items": _TEXT})
    return {
        "GET /v2": _asking("server", "What speaks the Open Inference Protocol here.", "API", about),
        "GET /v2/health/live": _asking(
            "live", "Whether the server lives.", "API", _object(["live"], live={"type": "boolean"})
        ),
        "GET /v2/health/ready": _asking(
            "ready",
            "Whether every model has something to answer with; 400 says no.",
            "API",
            schema_named("OpenInference.Ready"),
            not_ready=True,
        ),
        "GET /ping": operation(
            "ping",
            "Whether the server lives (MLflow, SageMaker).",
            "API",
            KEY_HOLDERS,
            success=success(200, "It does."),
        ),
    }


def protocols_of(definition: Definition, schemas: dict[str, Schema]) -> dict[str, Document]:
    """`schemas`: those of rows and predictions, by their names."""
    row = example_object(schemas[f"{definition.name}.Row"])
    prediction = example_object(schemas[f"{definition.name}.Prediction"])
    found = {f"POST /models/{definition.name}/invocations": _invoke(definition, schemas, row)}
    for version, parameters in (("", []), ("/versions/{version}", [in_path("version", VERSION)])):
        place = f"/v2/models/{definition.name}{version}"
        suffix = f"{'ByVersion' if version else ''}_{definition.name}"
        model, ready = schema_named("OpenInference.Model"), schema_named("OpenInference.Ready")
        found[f"GET {place}"] = _asking(
            f"metadata{suffix}", "Its inputs and outputs as tensors.", definition.name, model, parameters
        )
        found[f"GET {place}/ready"] = _asking(
            f"ready{suffix}",
            "Whether it can answer now; 400 says no.",
            definition.name,
            ready,
            parameters,
            not_ready=True,
        )
        found[f"POST {place}/infer"] = operation(
            f"infer{suffix}",
            "Answer rows as tensors, one for each column (Open Inference Protocol v2).",
            definition.name,
            KEY_HOLDERS,
            parameters=parameters,
            body=_tensors_content(schema_named(f"{definition.name}.Tensors"), _infer_example(definition, row)),
            success=success(
                200,
                "Predictions, one tensor for each field.",
                _tensors_content(schema_named("OpenInference.Answer"), _infer_answer(definition, prediction)),
            ),
            refusals=(400, 404, 413, 415, 422),
            error="OpenInference.Error",
        )
    return found


def _asking(
    operation_id: str,
    summary: str,
    tag: str,
    schema: Schema,
    parameters: list[Document] | None = None,
    *,
    not_ready: bool = False,
) -> Document:
    described = operation(
        operation_id,
        summary,
        tag,
        KEY_HOLDERS,
        parameters=parameters or [],
        success=success(200, "As asked.", {"application/json": {"schema": schema}}),
        refusals=() if tag == "API" else (404,),
        error="OpenInference.Error",
    )
    if not_ready:
        described["responses"] |= success(400, "It is not.", {"application/json": {"schema": schema}})
    return described


# Open Inference Protocol


def tensors_schema(definition: Definition) -> Schema:
    """The body of a request of the Open Inference Protocol."""
    tensor = _object(["name", "datatype", "shape"], **(_TENSOR | {"name": {"enum": list(definition.inputs)}}))
    names = {"enum": [field.name for field in fields_of(definition)]}
    output = _object(["name"], name=names, parameters={"type": "object"})
    return _object(
        ["inputs"],
        id=_TEXT | {"maxLength": ID_LENGTH},
        parameters={"type": "object"},
        inputs={"type": "array", "items": tensor, "minItems": 1},
        outputs={"type": "array", "items": output},
    ) | {"additionalProperties": False}


def _infer_example(definition: Definition, row: Document) -> Document:
    inputs = definition.inputs
    return {
        "inputs": [
            {
                "name": name,
                "datatype": datatype_of(inputs[name].type),
                "shape": [1],
                "data": [json.dumps(cell) if definition.recommendation and name == ITEMS else cell],
            }
            for name, cell in row.items()
        ]
    }


def _infer_answer(definition: Definition, prediction: Document) -> Document:
    fields = fields_of(definition)
    tensors, _ = to_tensors(fields, [prediction], [False] * len(fields))
    return {"model_name": definition.name, "model_version": str(prediction["version"]), "outputs": tensors}


def _tensors_content(schema: Schema, example: Any) -> Document:
    return {
        "application/json": {"schema": schema, "examples": {"one": {"value": example}}},
        "application/octet-stream": {},
    }


# MLflow


def _invoke(definition: Definition, schemas: dict[str, Schema], row: Document) -> Document:
    rows: Schema = {
        "type": "array",
        "items": schema_named(f"{definition.name}.Row"),
        "minItems": 1,
        "maxItems": MAXIMUM_ROWS,
    }
    split = _object(
        ["columns", "data"],
        columns={"type": "array", "items": _TEXT},
        data={"type": "array", "items": {"type": "array"}, "minItems": 1, "maxItems": MAXIMUM_ROWS},
        index={},
    ) | {"additionalProperties": False}
    shapes = {
        "dataframe_records": rows,
        "dataframe_split": split,
        "instances": rows,
        "inputs": {"anyOf": [rows, {"type": "object", "description": "A value, or a list of them, by column."}]},
    }
    body: Schema = {
        "type": "object",
        "properties": {**shapes, "params": {"description": "Ignored."}},
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in shapes],
    }
    example = {"dataframe_records": [row]}
    return operation(
        f"invoke_{definition.name}",
        "Answer rows as MLflow's scoring server and SageMaker do.",
        definition.name,
        KEY_HOLDERS,
        body={
            "application/json": {"schema": body, "examples": {"one": {"value": example}}},
            "text/csv": {"schema": _TEXT},
        },
        success=success(200, "Predictions.", {"application/json": {"schema": _invoked(definition, schemas)}}),
        refusals=(400, 404, 413, 415, 422),
        error="MLflow.Error",
    )


def _invoked(definition: Definition, schemas: dict[str, Schema]) -> Schema:
    """`predictions`, and beside them lists of whatever else a prediction has."""
    properties = schemas[f"{definition.name}.Prediction"]["properties"]
    own = [name for name in ("score", "value", "label") if name in properties]
    if definition.recommendation:
        item = "integer" if definition.columns[definition.data.target].type is ColumnType.INTEGER else "string"
        answer = _object(
            ["items", "scores"],
            items={"type": "array", "items": {"type": [item, "string"] if item != "string" else item}},
            scores={"type": "array", "items": {"type": ["number", "null"]}},
        )
    else:
        nullable = {name: {"anyOf": [properties[name], {"type": "null"}]} for name in own}
        answer = _object(own, **nullable)
    beside = {
        name: {"type": "array", "items": schema} for name, schema in properties.items() if name not in {*own, "items"}
    }
    return _object(
        ["predictions", "model", *beside],
        predictions={"type": "array", "items": answer},
        model={"const": definition.name},
        **beside,
    )
