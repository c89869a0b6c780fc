"""What the deployed API says of itself is enough for a client to use it."""

import json
from pathlib import Path
from typing import Any

import aiopenapi3
import httpx2
import pytest
from typer.testing import CliRunner

from local import cli
from local.loop import Loop
from tests.e2e.pumps import readings, request_rows

pytestmark = pytest.mark.server

MODEL = "pump-asked"


@pytest.fixture
def run(loop: Loop, cloud_folder: Path) -> Any:
    environment = {"EVERLOOP_HOME": str(cloud_folder / "home"), "EVERLOOP_TARGET": "local"}
    return lambda *arguments: CliRunner().invoke(cli.app, arguments, env=environment)


def test_the_page_is_saved_where_it_is_wanted(run: Any, cloud_folder: Path, files: Path) -> None:
    for arguments, path in (
        ([], cloud_folder / "home" / "docs.html"),
        (["--save", str(files / "api" / "docs.html")], files / "api" / "docs.html"),
    ):
        told = run("docs", *arguments)
        assert (told.exit_code, told.stdout) == (0, f"{path}\n")
        assert f'id="model-{MODEL}"' in path.read_text("utf-8")
    assert run("docs", "--json", "--save", "docs.html").exit_code == 2


def test_a_client_made_from_the_saved_document_predicts_and_tells_the_outcome(run: Any, loop: Loop) -> None:
    document = run("docs", "--json").stdout

    def session(**given: Any) -> httpx2.Client:
        return httpx2.Client(trust_env=False, **given)  # the host's proxy is not asked

    client = aiopenapi3.OpenAPI.loads("https://elsewhere.example/openapi.json", document, session_factory=session)
    client.authenticate(key=loop.target.api_key())
    rows = request_rows(readings(2, seed=1))
    answer = client.createRequest((f"/models/{MODEL}/predictions", "post"))(data={"rows": rows})
    assert [each.answered_by for each in answer.predictions] == ["fallback:default"] * 2
    outcome = {"prediction_id": answer.predictions[0].prediction_id, "actual": True}
    told = client.createRequest((f"/models/{MODEL}/outcomes", "post"))(data={"outcomes": [outcome]})
    assert (told.model, told.recorded) == (MODEL, 1)


def test_what_was_not_changed_is_not_sent_again(loop: Loop) -> None:
    headers = {"x-api-key": loop.target.api_key()}
    with httpx2.Client(trust_env=False, headers=headers) as client:
        first = client.get(f"{loop.target.api_url}/openapi.json")
        again = client.get(f"{loop.target.api_url}/openapi.json", headers={"If-None-Match": first.headers["etag"]})
        stranger = httpx2.get(f"{loop.target.api_url}/docs", trust_env=False)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert stranger.status_code == 403
    assert json.loads(first.content)["openapi"] == "3.1.0"
