"""A model that was trained elsewhere: import."""

from pathlib import Path
from typing import Annotated

import typer

from local.commands.models import Watch, wait_and_print
from local.console import AsJson, Name, announced, moment
from local.loop import Loop
from local.target import Target


def import_model(
    name: Name,
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    *,
    reference: Annotated[
        Path | None,
        typer.Option(help="Rows (CSV, JSON, Parquet) with what the model predicts where it was trained."),
    ] = None,
    prediction: Annotated[str, typer.Option(help="The column of the reference that holds predictions.")] = "prediction",
    inputs: Annotated[
        str | None, typer.Option(help="Columns and features in the order in which the model takes them, with commas.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="Which output, if there are several of numbers.")] = None,
    answer: Annotated[str, typer.Option(help="What a classifier answers: probability or logit.")] = "probability",
    classes: Annotated[
        str | None, typer.Option(help="The order of its probabilities, with commas, if the file does not say.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the history.")] = None,
    as_of: Annotated[
        str | None, typer.Option(callback=moment, help="Judge it as if it were this moment (ISO 8601).")
    ] = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Judge a model that was trained elsewhere like one of our own, and promote it if it passes its gates."""
    loop = Loop(announced(Target.current()))
    asked = {"inputs": _listed(inputs), "output": output, "answer": answer, "classes": _listed(classes)}
    asked |= {"reason": reason, "as_of": as_of}
    run_id = loop.import_model(name, model, reference=reference, prediction=prediction, **asked)
    report = wait_and_print(loop, name, run_id, watch=watch, as_json=as_json)
    if report["status"] == "failed":
        raise typer.Exit(1)


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text else []
