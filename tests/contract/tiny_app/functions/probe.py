"""A function that does on request what real functions may do."""

import json
import os
import sys
import time

calls = 0


class CustomError(Exception):
    pass


def lambda_handler(event, context):
    global calls
    calls += 1
    return OPERATIONS[event.get("do", event.get("httpMethod"))](event)


def fail(event):
    raise CustomError("secret detail")


def allocate(event):
    return len(bytearray(400 * 1024 * 1024))


def emit_metric(event):
    directive = {"Namespace": "Tiny", "Dimensions": [["Service"]], "Metrics": [{"Name": "Drift", "Unit": "Count"}]}
    now_ms = int(time.time() * 1000)
    print(json.dumps({"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [directive]}, "Service": "a", "Drift": 4.5}))


def describe(event):
    import everloop
    import numpy

    return {
        "calls": calls,
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "path": sys.path,
        "everloop": [everloop.__file__, getattr(everloop, "ORIGIN", None)],
        "numpy": numpy.__file__,
    }


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
