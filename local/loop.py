"""What a person does with a deployed loop: upload, train, predict, tell outcomes, check, promote, roll back."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from everloop.contracts.batches import BATCH_ID_DIGITS, BatchReport
from local.api import Answer, Api
from local.cloud.environment import SCHEDULED_TIME
from local.errors import ApiError, StillWaitingError
from local.target import Target

T = TypeVar("T")

POLL_S = 0.1


class Loop:
    def __init__(self, target: Target) -> None:
        self.target = target
        self.api = Api(target)

    # Data

    def upload(self, model: str, path: Path) -> str:
        """Put a file where ingestion finds it; returns the id of its batch."""
        batch_id = batch_id_of(path)
        self._must_be_deployed(model)  # told at once, not by a report nobody looks at
        self._s3.upload_file(str(path), self.target.output("LandingBucketName"), f"uploads/{model}/{path.name}")
        return batch_id

    def report(self, model: str, batch_id: str) -> BatchReport | None:
        body = self._read(f"reports/{model}/{batch_id}.json")
        return BatchReport.model_validate_json(body) if body else None

    def wait_for_report(self, model: str, batch_id: str, timeout_s: float = 300) -> BatchReport:
        """The report by the present definition: a file refused unread by an older one is looked at again."""
        present = self.call("GET", f"/models/{model}")["definition_hash"]

        def look() -> BatchReport | None:
            report = self.report(model, batch_id)
            return None if report and report.is_unread and report.definition_hash != present else report

        return wait_for(look, f"the report of batch {batch_id}", timeout_s)

    def batches(self, model: str) -> list[BatchReport]:
        """Every judged batch, in the order they were received."""
        self._must_be_deployed(model)
        keys = self._keys(f"reports/{model}/")
        reports = [BatchReport.model_validate_json(self._s3_body(key)) for key in keys]
        return sorted(reports, key=lambda report: (report.received_at, report.batch_id))

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> bool:
        """False when no row of the batch was quarantined."""
        if self._read(key := f"quarantine/{model}/{batch_id}.parquet") is None:
            return False
        self._s3.download_file(self._lake, key, str(path))
        return True

    def datasets(self, model: str) -> dict[str, dict[str, Any]]:
        """Dataset manifests by version."""
        self._must_be_deployed(model)
        keys = self._keys(f"datasets/{model}/")
        return {Path(key).stem: json.loads(self._s3_body(key)) for key in keys}

    # Models

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of a route; a problem document becomes an ApiError in plain words."""
        return _checked(self.api.call(method, path, body)).json()

    def train(self, model: str, *, reason: str | None = None, as_of: str | None = None) -> str:
        """Ask for a training run and return its id."""
        given = {"reason": reason, "as_of": as_of}
        body = {name: value for name, value in given.items() if value}
        run_id: str = self.call("POST", f"/models/{model}/trainings", body)["run_id"]
        return run_id

    def run(self, model: str, run_id: str) -> dict[str, Any] | None:
        """The report of an ended run, None while it goes on."""
        answer = self.api.call("GET", _run_path(model, run_id))
        report: dict[str, Any] | None = None if answer.status == 404 else _checked(answer).json()
        return report

    def ended_run(self, model: str, run_id: str) -> dict[str, Any]:
        """The report of a run that has ended; raises ApiError if there is none (yet)."""
        report: dict[str, Any] = self.call("GET", _run_path(model, run_id))
        return report

    def wait_for_run(self, model: str, run_id: str, timeout_s: float = 1800) -> dict[str, Any]:
        what, command = f"training run {run_id}", f"everloop run {model} {run_id}"
        return wait_for(lambda: self.run(model, run_id), what, timeout_s, see=command)

    def card(self, model: str, version: int) -> str:
        return _checked(self.api.call("GET", f"/models/{model}/versions/{version}/card")).text

    def predict(self, model: str, rows: Sequence[dict[str, Any]], version: int | None = None) -> dict[str, Any]:
        place = f"/models/{model}" + (f"/versions/{version}" if version is not None else "")
        answer: dict[str, Any] = self.call("POST", f"{place}/predictions", {"rows": list(rows)})
        return answer

    def record(self, model: str, outcomes: Sequence[dict[str, Any]]) -> None:
        self.call("POST", f"/models/{model}/outcomes", {"outcomes": list(outcomes)})

    # Monitoring

    def check(self, model: str, scheduled_time: str) -> dict[str, Any]:
        """Do what the model's schedule does when it is due: call its target with its own input."""
        schedule = self._schedule(model)
        request = json.loads(schedule["Target"]["Input"])
        answer = self.target.client("lambda").invoke(
            FunctionName=schedule["Target"]["Arn"],
            Payload=json.dumps({k: scheduled_time if v == SCHEDULED_TIME else v for k, v in request.items()}),
        )
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise ApiError(f"the check of {model} failed: {result.get('errorMessage', result)}")
        return result

    def wait_until_logged(self, timeout_s: float = 120) -> None:
        """Until no prediction or outcome waits in the queue."""
        sqs = self.target.client("sqs")
        url = self.target.output("PredictionQueueUrl")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def empty() -> bool | None:
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return all(int(found[name]) == 0 for name in names) or None

        wait_for(empty, "the prediction log", timeout_s)

    def _schedule(self, model: str) -> dict[str, Any]:
        scheduler = self.target.client("scheduler")
        for page in scheduler.get_paginator("list_schedules").paginate():
            for entry in page["Schedules"]:
                schedule: dict[str, Any] = scheduler.get_schedule(
                    Name=entry["Name"], GroupName=entry.get("GroupName", "default")
                )
                wanted = schedule["Target"].get("Input", "")
                if SCHEDULED_TIME in wanted and json.loads(wanted).get("model") == model:
                    return schedule
        raise ApiError(f"no schedule checks {model!r}; is it deployed?")

    # The lake

    def _must_be_deployed(self, model: str) -> None:
        """The lake answers for an unknown model, too: with nothing. The API says that it is unknown."""
        self.call("GET", f"/models/{model}")

    @property
    def _s3(self) -> Any:
        return self.target.client("s3")

    @property
    def _lake(self) -> str:
        return self.target.output("LakeBucketName")

    def _keys(self, prefix: str) -> Iterator[str]:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._lake, Prefix=prefix):
            yield from (entry["Key"] for entry in page.get("Contents", []))

    def _read(self, key: str) -> bytes | None:
        s3 = self._s3
        try:
            return bytes(s3.get_object(Bucket=self._lake, Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None

    def _s3_body(self, key: str) -> bytes:
        return bytes(self._s3.get_object(Bucket=self._lake, Key=key)["Body"].read())


def batch_id_of(path: Path) -> str:
    """The same bytes are the same batch."""
    if not path.is_file():
        raise ApiError(f"{path} is not a file; expected a CSV, JSON or Parquet file")
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:BATCH_ID_DIGITS]


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float, *, see: str = "everloop status") -> T:
    """Ask again and again until there is an answer; raises StillWaitingError, which names the command to `see`."""
    deadline = time.monotonic() + timeout_s
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise StillWaitingError(f"{what} did not arrive within {timeout_s:.0f} s; see `{see}`")
        time.sleep(POLL_S)
    return found


def _run_path(model: str, run_id: str) -> str:
    return f"/models/{quote(model, safe='')}/runs/{quote(run_id, safe='')}"


def _checked(answer: Answer) -> Answer:
    if answer.status < 400:
        return answer
    try:
        document = answer.json()
        words = document.get("detail") or document.get("message") or answer.text
        errors = document.get("errors", [])
    except (ValueError, AttributeError):
        words, errors = answer.text[:500], []
    lines = [f"  row {e['row']}, {e['column']}: expected {e['expected']}, got {e['got']}" for e in errors[:20]]
    raise ApiError("\n".join([f"{words} (HTTP {answer.status})", *lines]))
