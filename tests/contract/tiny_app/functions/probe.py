"""A function that does on request what real functions may do."""

import json
import os
import sys
import time

calls: list[str] = []


class CustomError(Exception):
    pass


def lambda_handler(event, context):
    calls.append(context.aws_request_id)
    if "Records" in event:
        return consume(event)
    return OPERATIONS[event.get("do", event.get("httpMethod"))](event)


def fail(event):
    raise CustomError("secret detail")


def allocate(event):
    held = bytearray(400 * 1024 * 1024)
    time.sleep(10)  # whoever watches looks now and then only
    return len(held)


def emit_metric(event):
    directive = {"Namespace": "Tiny", "Dimensions": [["Service"]], "Metrics": [{"Name": "Drift", "Unit": "Count"}]}
    now_ms = int(time.time() * 1000)
    document = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "Service": "a", "Drift": 4.5}
    sys.stdout.write(json.dumps(document) + "\n")


def describe(event):
    import numpy

    import everloop

    return {
        "calls": len(calls),
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "path": sys.path,
        "everloop": [everloop.__file__, getattr(everloop, "ORIGIN", None)],
        "numpy": numpy.__file__,
    }


def consume(event):
    import boto3

    lake, together = boto3.client("s3"), str(len(event["Records"]))
    for record in event["Records"]:
        lake.put_object(Bucket=os.environ["LAKE"], Key=f"consumed/{record['body'].strip()}", Body=together)


def answer(event):
    return {"statusCode": 200, "body": json.dumps({"hello": "world"})}


OPERATIONS = {
    "fail": fail,
    "allocate": allocate,
    "emit metric": emit_metric,
    "describe": describe,
    "POST": answer,
    "DELETE": fail,
}
