"""What callers need to know of the deployed API: docs."""

from pathlib import Path
from typing import Annotated

import typer

from local.console import AsJson, print_json, stdout
from local.loop import Loop
from local.project import Project
from local.target import Target


def docs(
    save: Annotated[Path | None, typer.Option(help="Write the page here instead of .everloop/docs.html.")] = None,
    as_json: AsJson = False,
) -> None:
    """Save the page that tells callers what the API takes and answers; --json prints its OpenAPI document."""
    if save and as_json:
        raise typer.BadParameter("--json prints the document and --save writes the page; expected one of them")
    loop = Loop(Target.current())
    if as_json:
        # A document that was saved no longer lies where its server is.
        print_json(loop.call("GET", "/openapi.json") | {"servers": [{"url": loop.target.api_url}]})
        return
    path = save or Project.here().home / "docs.html"
    page = loop.docs()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, "utf-8")
    stdout.print(str(path))
