"""Everything the handlers of tests/models/pump-failure.toml need, on moto."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb

from everloop.adapters.s3_objects import S3ObjectStore
from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source
from everloop.ids import sha256_of
from everloop.stores.batches import BatchStore
from everloop.stores.history import BUILT
from everloop.stores.registry import ModelRegistry
from tests.samples import NOW

MODEL = "pump-failure"
LANDING, LAKE, MODELS = "everloop-landing", "everloop-lake", "everloop-models"
BUS = "everloop"
HISTORY = "everloop-history"


class Plant:
    def __init__(self) -> None:
        s3 = boto3.client("s3")
        for bucket in (LANDING, LAKE, MODELS):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.landing, self.lake, self.models = S3ObjectStore(LANDING), S3ObjectStore(LAKE), S3ObjectStore(MODELS)
        self.registry = ModelRegistry(self.models)
        self._dynamodb = boto3.client("dynamodb")
        self._dynamodb.create_table(
            TableName=HISTORY,
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._sqs = boto3.client("sqs")
        self.predictions_url = self._sqs.create_queue(QueueName="predictions")["QueueUrl"]
        self._events_url = self._sqs.create_queue(QueueName="events")["QueueUrl"]
        bus = boto3.client("events")
        bus.create_event_bus(Name=BUS)
        bus.put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["everloop"]}')
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._events_url, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        bus.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])

    @property
    def environment(self) -> dict[str, str]:
        return {
            "EVERLOOP_LANDING_BUCKET": LANDING,
            "EVERLOOP_LAKE_BUCKET": LAKE,
            "EVERLOOP_MODELS_BUCKET": MODELS,
            "EVERLOOP_EVENT_BUS": BUS,
            "EVERLOOP_PREDICTION_QUEUE_URL": self.predictions_url,
            "EVERLOOP_HISTORY_TABLE": HISTORY,
        }

    def events(self) -> list[dict[str, Any]]:
        """What the bus has carried since the last call, as CloudEvents."""
        return [json.loads(body)["detail"] for body in self._drain(self._events_url)]

    def messages(self) -> list[str]:
        """What was queued for the log since the last call."""
        return self._drain(self.predictions_url)

    def histories(self) -> dict[str, dict[str, Any]]:
        """The items of the table, by their keys, without the marks of what is built."""
        items = {item["pk"]["S"]: item for item in self._dynamodb.scan(TableName=HISTORY)["Items"]}
        return {key: item for key, item in items.items() if not key.endswith(f"/{BUILT}")}

    def _drain(self, url: str) -> list[str]:
        bodies = []
        while messages := self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                bodies.append(message["Body"])
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def accept_batch(
        self, folder: Path, *, rows: int, until: datetime = NOW, name: str = "batch-1", **cells: str
    ) -> None:
        """An accepted batch of a reading every ten minutes; pumps fail under pressure, and by chance.

        `cells` are SQL over the number `i` of the row, in place of a column's own.
        """
        first = until - timedelta(minutes=10 * rows)
        path = folder / "batch.parquet"
        columns = {
            "reading": "'r-' || i",
            "measured_at": f"timestamp '{first:%Y-%m-%d %H:%M:%S}' + to_minutes(i * 10)",
            "pump": "'P-' || (i % 9)",
            "kind": "case i % 4 when 0 then 'axial' when 1 then 'radial' when 2 then 'Zahnrad-Ölpumpe' end",
            "pressure": "if(i % 13 = 0, null, hash(i) % 1000)::double",
            "starts": "i % 7",
            "outdoors": "if(i % 11 = 0, null, i % 2 = 0)",
            "failed": "hash(i) % 1000 + hash(i + 1) % 400 > 800",
        }
        selected = ", ".join(f"{sql} as {name}" for name, sql in (columns | cells).items())
        with duckdb.connect() as connection:
            rows_of = f"select {selected} from (select range::integer as i from range({rows}))"
            connection.execute(f"copy ({rows_of}) to '{path}' (format parquet)")
        self.accept(
            MODEL,
            path,
            rows,
            name=name,
            received_at=until,
            first=first,
            last=until - timedelta(minutes=10),
            timestamp="measured_at",
        )

    def accept(
        self,
        model: str,
        file: Path,
        rows: int,
        *,
        received_at: datetime,
        name: str = "batch-1",
        first: datetime | None = None,
        last: datetime | None = None,
        timestamp: str | None = None,
    ) -> None:
        """A batch of these rows, as validation leaves one behind; from `first` to `last` by the timestamp."""
        batches = BatchStore(self.lake)
        batches.save_rows(model, name, file)
        batches.save_report(
            BatchReport(
                batch_id=name,
                model=model,
                status=BatchStatus.ACCEPTED,
                rows=RowCounts(delivered=rows, accepted=rows),
                source=Source(bucket="landing", key=f"uploads/{model}/{file.name}", size_bytes=1),
                rows_sha256=sha256_of(file),
                received_at=received_at,
                first_timestamp=first,
                last_timestamp=last,
                timestamp_column=timestamp,
            )
        )
