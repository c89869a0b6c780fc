"""From the start of a process to its first answer: Everloop's function, beside what others serve the same model with.

Everloop runs as in Lambda: Python 3.13, the real serving layer, the package with its bytecode and nothing else on the
path; model and aliases come from the local S3, the log goes to the local SQS. The peers have environments of their own
and the model on disk; their time ends with the first answer over HTTP. The floor is Python, numpy, onnxruntime and the
session alone.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np

from benchmarks.peer_servers import prepare, served
from benchmarks.serving import bench_definition, bench_event, bench_rows, fitted, inputs_of, write_definitions
from everloop.adapters.s3_objects import S3ObjectStore
from everloop.features.compile import compile_features
from everloop.registry.promotion import promote
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import build_model
from layers.build import REPOSITORY, build, build_package, find_python
from local.cloud import process
from local.cloud.environment import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from local.project import SOURCE_ROOT, Project
from tests.e2e.clouds import free_port
from tests.samples import NOW

TURNS = 15
BARS = {"fastapi": 4, "mlflow": 12}
FIRST_ANSWER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import predict
print(json.dumps(predict.lambda_handler(json.loads(sys.argv[2]), None)["statusCode"]), flush=True)
"""
FLOOR = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
import numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[2])
print(200, flush=True)
"""


def main() -> None:
    python = find_python()
    if python is None:
        print("left out: there is no Python 3.13, which Lambda runs")
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        definition = bench_definition()
        dataset, learned = fitted(definition)
        model = build_model(learned, dataset, compile_features(definition).to_onnx())
        (folder / "model.onnx").write_bytes(model)
        row = bench_rows(np.random.default_rng(1), 1)[0]
        layer = build("serving", "x86_64") / "python"
        isolated = [str(python), "-I", "-S", "-B", "-c"]
        floor = [*isolated, FLOOR, json.dumps([str(layer)]), str(folder / "model.onnx")]
        print(f"median of {TURNS} starts, a model of {len(model) / 1024:,.0f} KiB")
        with local_aws(folder, model) as environment:
            function = [*isolated, FIRST_ANSWER, json.dumps(_paths(folder, layer)), json.dumps(bench_event([row]))]
            ours = _median_ms(lambda: _until_line(function, environment))
            print(f"{'floor':<28}{_median_ms(lambda: _until_line(floor, {})):>8.0f} ms")
            print(f"{'Everloop':<28}{ours:>8.0f} ms")
        _peers(folder, learned, row, ours)


@contextmanager
def local_aws(folder: Path, model: bytes) -> Iterator[dict[str, str]]:
    """The environment of the function, with a champion in its registry."""
    project = Project(root=SOURCE_ROOT, home=folder / "home")
    cloud = process.start(project, free_port())
    try:
        environment = {
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        }
        os.environ |= environment
        boto3.client("s3").create_bucket(Bucket="models")
        registry = ModelRegistry(S3ObjectStore("models"))
        files = {"model.onnx": model, "lineage.json": b"{}"}
        version = registry.register("bench", "run", files, now=NOW)
        registry.change_aliases("bench", lambda aliases: promote(aliases, version, at=NOW, reason="", by="benchmark"))
        queue = boto3.client("sqs").create_queue(QueueName="predictions")["QueueUrl"]
        yield environment | {
            "EVERLOOP_MODELS_BUCKET": "models",
            "EVERLOOP_PREDICTION_QUEUE_URL": queue,
            "EVERLOOP_HISTORY_TABLE": "histories",
            "POWERTOOLS_METRICS_NAMESPACE": "Everloop",
            "POWERTOOLS_SERVICE_NAME": "predict",
        }
    finally:
        process.stop(project)


def _paths(folder: Path, layer: Path) -> list[str]:
    definitions = folder / "definitions"
    definitions.mkdir()
    write_definitions(definitions)
    return [
        str(REPOSITORY / "functions" / "inference"),
        str(build_package() / "python"),
        str(definitions),
        str(layer),
    ]


def _until_line(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        answered = any(line.strip() == "200" for line in running.stdout)  # not its end: the caller has the answer
        seconds = time.perf_counter() - started
    if not answered:
        raise SystemExit("the process gave no answer")
    return seconds


def _peers(folder: Path, learned: Any, row: dict[str, Any], ours: float) -> None:
    """Each from the start of its server to its first answer."""
    body = json.dumps({"inputs": learned.encoder.transform(inputs_of([row])).tolist()}).encode()
    for peer, bar in BARS.items():
        command = prepare(peer, folder, learned.estimator)
        seconds = _median_ms(lambda c=command: _until_http(c, body), turns=5)  # type: ignore[misc]
        print(f"{peer + ' + scikit-learn':<28}{seconds:>8.0f} ms{seconds / ours:>8.1f} x (bar {bar})")


def _until_http(command: list[str], body: bytes) -> float:
    with served(command, free_port(), body) as server:
        return server.first_answer_s


def _median_ms(run: Callable[[], float], turns: int = TURNS) -> float:
    run()  # what the disk has not read yet is not what is compared
    return statistics.median(run() for _ in range(turns)) * 1000


if __name__ == "__main__":
    main()
