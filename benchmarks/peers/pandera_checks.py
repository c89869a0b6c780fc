"""Check a Parquet file with pandera, in the environment of data_peers.py: `python pandera_checks.py CHECKS FILE`."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
import pandera.pandas as pa  # type: ignore[import-not-found]  # lives in an environment of its own

checks, file = json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2]


def column(check: dict) -> "pa.Column":  # type: ignore[type-arg]
    if "allowed" in check:
        return pa.Column("str", pa.Check.isin(check["allowed"]), nullable=check["nullable"])
    return pa.Column("float64", pa.Check.in_range(check["minimum"], check["maximum"]), nullable=check["nullable"])


schema = pa.DataFrameSchema({name: column(check) for name, check in checks.items()})
start = time.process_time()
frame = pd.read_parquet(file)
read = time.process_time()
schema.validate(frame, lazy=True)
print(json.dumps({"read": read - start, "checked": time.process_time() - read, "process": time.process_time()}))
