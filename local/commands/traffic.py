"""Answers and what became of them: predict, outcome."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from local.console import AsJson, Name, announced, print_json, print_table, stdout
from local.errors import ApiError
from local.loop import Loop
from local.target import Target


def predict(
    name: Name,
    rows: Annotated[
        str, typer.Argument(help='A row as JSON ({"age": 41}), rows as a JSON array, or @FILE that holds either.')
    ],
    version: Annotated[int | None, typer.Option(help="Ask this version instead of the champion.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for predictions over HTTP."""
    answer = Loop(Target.current()).predict(name, _rows(rows), version)
    if as_json:
        print_json(answer)
        return
    predictions = answer["predictions"]
    shown = [[_shown(value) for value in prediction.values()] for prediction in predictions]
    print_table(list(predictions[0]), shown, ids=["prediction_id"])


def _shown(value: Any) -> Any:
    """Of a recommendation, the items alone: `--json` has their scores. A boolean is shown as an outcome tells it."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        return ", ".join(str(each["item"]) if isinstance(each, dict) else str(each) for each in value)
    return value


def outcome(
    name: Name,
    prediction_id: Annotated[str, typer.Argument(help="As the prediction gave it.")],
    actual: Annotated[str, typer.Argument(help="What really happened, as the target column would hold it.")],
    as_json: AsJson = False,
) -> None:
    """Tell what really happened after a prediction."""
    Loop(announced(Target.current())).record(name, [{"prediction_id": prediction_id, "actual": _value(actual)}])
    if as_json:
        print_json({"recorded": 1})
    else:
        stdout.print("recorded")


def _rows(text: str) -> list[dict[str, Any]]:
    if text.startswith("@"):
        rows = _json_file(Path(text[1:]))
    else:
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise ApiError(f"expected JSON such as '{{\"age\": 41}}': {error}") from error
    return rows if isinstance(rows, list) else [rows]


def _json_file(path: Path) -> Any:
    if not path.is_file():
        raise ApiError(f"{path} is not a file")
    expected = f"{path}: expected one JSON array or object"
    try:
        return json.loads(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ApiError(f"{expected} in UTF-8, got byte 0x{error.object[error.start]:02x} at {error.start}") from error
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise ApiError(f"{expected}, got more after it in line {error.lineno}; write rows as one array") from error
        raise ApiError(f"{expected}: {error}") from error


def _value(text: str) -> Any:
    """`1`, `2.5`, `true` are what they look like, `"1"` and anything else is text."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return value if isinstance(value, bool | int | float | str) else text
