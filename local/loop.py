"""What a person does with a deployed loop: upload, train, predict, tell outcomes, check, promote, roll back."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from everloop.contracts.batches import BATCH_ID_DIGITS, BatchReport, batch_key
from everloop.contracts.imports import MAXIMUM_MODEL_MB, model_key, reference_key
from everloop.ids import sha256_of
from local.api import Answer, Api
from local.cloud.environment import SCHEDULED_TIME
from local.errors import ApiError, StillWaitingError
from local.project import Project
from local.replay import Candidate
from local.target import Target

T = TypeVar("T")

POLL_S = 0.1
HASHED_BYTES = 1 << 20
REPLAY_TIMEOUT_S = 900
"""As long as the function may run."""
READERS = 10
"""Threads that read at once: as many as a client of S3 keeps connections."""


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
        present = self.definition_hash(model)

        def look() -> BatchReport | None:
            report = self.report(model, batch_id)
            return None if report and report.is_unread and report.definition_hash != present else report

        return wait_for(look, f"the report of batch {batch_id}", timeout_s)

    def batches(self, model: str) -> list[BatchReport]:
        """Every judged batch, in the order they were received."""
        self._must_be_deployed(model)
        with ThreadPoolExecutor(READERS) as pool:
            bodies = list(pool.map(self._s3_body, self._keys(f"reports/{model}/")))
        reports = [BatchReport.model_validate_json(body) for body in bodies]
        return sorted(reports, key=lambda report: (report.received_at, report.batch_id))

    def download_rows(self, model: str, batch_id: str, path: Path) -> None:
        """The accepted rows."""
        self._s3.download_file(self._lake, batch_key(model, batch_id), str(path))

    def download_quarantine(self, model: str, batch_id: str, path: Path) -> bool:
        """False when no row of the batch was quarantined."""
        if self._read(key := f"quarantine/{model}/{batch_id}.parquet") is None:
            return False
        self._s3.download_file(self._lake, key, str(path))
        return True

    def replay(self, model: str, candidate: Candidate) -> str:
        """Let quarantined rows, or a file refused unread, be judged by the definition of today; returns the batch id.

        Raises ApiError where that is of no use, or no longer possible.
        """
        if candidate.judged_by == self.definition_hash(model):
            raise ApiError("judged by this very definition; change it and deploy, then replay")
        if candidate.is_file:
            return self._announce_again(candidate.report)
        batch_id = candidate.report.batch_id
        key = f"quarantine/{model}/{batch_id}.parquet"
        self._s3.copy_object(
            Bucket=self.target.output("LandingBucketName"),
            Key=f"uploads/{model}/replays/{batch_id}.parquet",
            CopySource={"Bucket": self._lake, "Key": key},
        )
        return self._batch_id_of_object(self._lake, key)

    def _announce_again(self, report: BatchReport) -> str:
        """Copy the object onto itself, which tells ingestion of it as of a new one."""
        source = report.source
        place = {"Bucket": source.bucket, "Key": source.key}
        try:
            present = self._s3.head_object(**place)
        except self._s3.exceptions.ClientError as error:
            raise ApiError("no longer to be read there; upload it again") from error
        # The same bytes uploaded again are another version of the object, and the same file.
        if source.version_id not in (None, present.get("VersionId")) and (
            present["ContentLength"] != source.size_bytes
            or self._batch_id_of_object(source.bucket, source.key) != report.batch_id
        ):
            raise ApiError("another file lies there by now; upload it again")
        self._s3.copy_object(**place, CopySource=place, MetadataDirective="REPLACE")
        return report.batch_id

    def _batch_id_of_object(self, bucket: str, key: str) -> str:
        sha256 = hashlib.sha256()
        for chunk in self._s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(HASHED_BYTES):
            sha256.update(chunk)
        return sha256.hexdigest()[:BATCH_ID_DIGITS]

    def datasets(self, model: str) -> list[dict[str, Any]]:
        """Dataset versions, oldest first."""
        listed: list[dict[str, Any]] = self.call("GET", _datasets_path(model))["datasets"]
        return listed

    def dataset(self, model: str, version: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("GET", _datasets_path(model, version))
        return shown

    def dataset_diff(self, model: str, version: str, other: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.call("GET", _datasets_path(model, version, "diff", other))
        return shown

    def planned_dataset(self, model: str, **moments: str | None) -> dict[str, Any]:
        """What a training would learn from `as_of` a moment, by what was `known_at` another."""
        query = urlencode({name: moment for name, moment in moments.items() if moment})
        shown: dict[str, Any] = self.call("GET", f"{_datasets_path(model)}?{query}")
        return shown

    # Models

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of a route; a problem document becomes an ApiError in plain words."""
        return _checked(self.api.call(method, path, body)).json()

    def train(self, model: str, *, reason: str | None = None, as_of: str | None = None) -> str:
        """Ask for a training run and return its id."""
        self._must_be_deployed(model)
        given = {"reason": reason, "as_of": as_of}
        body = {name: value for name, value in given.items() if value}
        run_id: str = self.call("POST", f"/models/{model}/trainings", body)["run_id"]
        return run_id

    def reproduce(self, model: str, version: int) -> str:
        """Ask for a run that makes a version again, and return its id."""
        run_id: str = self.call("POST", f"/models/{model}/versions/{version}/reproductions")["run_id"]
        return run_id

    def import_model(
        self, model: str, path: Path, *, reference: Path | None = None, prediction: str = "prediction", **asked: Any
    ) -> str:
        """Put a model that was trained elsewhere where a run finds it, ask for that run, and return its id.

        `asked` is the rest of the request; what is empty is left out.
        """
        if path.is_file() and path.stat().st_size > MAXIMUM_MODEL_MB * 1e6:
            raise ApiError(f"{path}: expected at most {MAXIMUM_MODEL_MB} MB")
        self._must_be_deployed(model)
        body = {name: value for name, value in asked.items() if value}
        body |= {"sha256": self._land(path, model, model_key, "an ONNX file"), "file": path.name}
        if reference:
            sha256 = self._land(reference, model, reference_key, "a CSV, JSON or Parquet file")
            body["reference"] = {"sha256": sha256, "file": reference.name, "prediction": prediction}
        run_id: str = self.call("POST", f"/models/{model}/imports", body)["run_id"]
        return run_id

    def _land(self, path: Path, model: str, key_of: Callable[[str, str], str], expected: str) -> str:
        """The sha256 of the file, under which it lies in the landing bucket then."""
        if not path.is_file():
            raise ApiError(f"{path} is not a file; expected {expected}")
        sha256 = sha256_of(path)
        self._s3.upload_file(str(path), self.target.output("LandingBucketName"), key_of(model, sha256))
        return sha256

    def run(self, model: str, run_id: str) -> dict[str, Any] | None:
        """The report of an ended run, None while it goes on."""
        answer = self.api.call("GET", _run_path(model, run_id))
        report: dict[str, Any] | None = None if answer.status == 404 else _checked(answer).json()
        return report

    def runs(self, model: str) -> list[dict[str, Any]]:
        """The ended runs, oldest first, as they compare."""
        listed: list[dict[str, Any]] = self.call("GET", f"/models/{quote(model, safe='')}/runs")["runs"]
        return listed

    def ended_run(self, model: str, run_id: str) -> dict[str, Any]:
        """The report of a run that has ended; raises ApiError if there is none (yet)."""
        report: dict[str, Any] = self.call("GET", _run_path(model, run_id))
        return report

    def wait_for_run(
        self, model: str, run_id: str, timeout_s: float = 1800, *, meanwhile: Callable[[], None] | None = None
    ) -> dict[str, Any]:
        """`meanwhile` is called again and again while the run goes on."""

        def look() -> dict[str, Any] | None:
            if meanwhile:
                meanwhile()
            return self.run(model, run_id)

        return wait_for(look, f"training run {run_id}", timeout_s, see=f"everloop runs {model} {run_id}")

    def work_files(self, model: str, run_id: str) -> list[str]:
        """Names of the intermediate files of a run."""
        folder = f"work/{model}/{run_id}/"
        return [key.removeprefix(folder) for key in self._keys(folder)]

    def work_file(self, model: str, run_id: str, name: str) -> Any:
        """One of them, which is JSON."""
        return json.loads(self._s3_body(f"work/{model}/{run_id}/{name}"))

    def champion_at(self, model: str, moment: str) -> dict[str, Any]:
        """Who answered at a moment, by which change, and until when."""
        shown: dict[str, Any] = self.call("GET", f"/models/{model}/history?{urlencode({'at': moment})}")
        return shown

    def card(self, model: str, version: int) -> str:
        return _checked(self.api.call("GET", f"/models/{model}/versions/{version}/card")).text

    def plots(self, model: str, version: int) -> dict[str, str]:
        """File name → SVG."""
        place = f"/models/{model}/versions/{version}"
        names = self.call("GET", place)["plots"]
        return {name: _checked(self.api.call("GET", f"{place}/plots/{quote(name, safe='')}")).text for name in names}

    def docs(self) -> str:
        """The page for callers, as HTML."""
        return _checked(self.api.call("GET", "/docs")).text

    def champion(self, model: str) -> int:
        """Raises ApiError if there is none."""
        version: int | None = self.call("GET", f"/models/{model}")["champion"]
        if version is None:
            raise ApiError(f"{model!r} has no champion yet; name a version, see `everloop versions {model}`")
        return version

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

    def explain(self, prediction_id: str) -> dict[str, Any]:
        """Where a logged prediction came from."""
        told: dict[str, Any] = self.call("GET", f"/predictions/{quote(prediction_id, safe='')}")
        return told

    def replay_version(self, model: str, version: int, **asked: str) -> dict[str, Any]:
        """What the version would have answered to logged traffic; `asked` is the rest of the request."""
        self._must_be_deployed(model)
        patient = {"read_timeout": REPLAY_TIMEOUT_S, "retries": {"total_max_attempts": 1}}
        answer = self.target.client("lambda", **patient).invoke(
            FunctionName=self.target.output("ReplayFunctionName"),
            Payload=json.dumps({"model": model, "version": version, **asked}),
        )
        report: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise ApiError(f"version {version} was not replayed: {report.get('errorMessage', report)}")
        return report

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

    def definition_hash(self, model: str) -> str:
        """Of the definition that is deployed."""
        return str(self.call("GET", f"/models/{model}")["definition_hash"])

    def _must_be_deployed(self, model: str) -> None:
        """The lake answers for an unknown model, too: with nothing. The API says that it is unknown."""
        answer = self.api.call("GET", f"/models/{model}")
        file = Project.here().root / "models" / f"{model}.toml"
        if answer.status == 404 and file.is_file():
            deploy = "make deploy" if self.target.cloud is None else "everloop up"
            raise ApiError(f"{_refusal(answer)}; models/{model}.toml is there: `{deploy}` deploys it")
        _checked(answer)

    @cached_property
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
    return sha256_of(path)[:BATCH_ID_DIGITS]


def wait_for(look: Callable[[], T | None], what: str, timeout_s: float, *, see: str = "everloop status") -> T:
    """Ask again and again until there is an answer; raises StillWaitingError, which names the command to `see`."""
    deadline = time.monotonic() + timeout_s
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise StillWaitingError(f"{what} did not arrive within {timeout_s:.0f} s; see `{see}`")
        time.sleep(POLL_S)
    return found


def _datasets_path(model: str, *parts: str) -> str:
    return "/".join(["/models", quote(model, safe=""), "datasets", *(quote(part, safe="") for part in parts)])


def _run_path(model: str, run_id: str) -> str:
    return f"/models/{quote(model, safe='')}/runs/{quote(run_id, safe='')}"


def _checked(answer: Answer) -> Answer:
    if answer.status < 400:
        return answer
    raise _refusal(answer)


def _refusal(answer: Answer) -> ApiError:
    try:
        document = answer.json()
        words = document.get("detail") or document.get("message") or answer.text
        errors = document.get("errors", [])
    except (ValueError, AttributeError):
        words, errors = answer.text[:500], []
    lines = [f"  row {e['row']}, {e['column']}: expected {e['expected']}, got {e['got']}" for e in errors[:20]]
    return ApiError("\n".join([f"{words} (HTTP {answer.status})", *lines]))
