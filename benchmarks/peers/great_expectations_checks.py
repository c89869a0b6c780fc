"""Check a Parquet file with Great Expectations, in the environment of data_peers.py: `python … CHECKS FILE`."""

import json
import sys
import time
from pathlib import Path

import great_expectations as gx  # type: ignore[import-not-found]  # lives in an environment of its own
import great_expectations.expectations as gxe  # type: ignore[import-not-found]
import pandas as pd

checks, file = json.loads(Path(sys.argv[1]).read_text("utf-8")), sys.argv[2]


def expectations(name: str, check: dict) -> list:  # type: ignore[type-arg]
    if "allowed" in check:
        found = [
            gxe.ExpectColumnValuesToBeOfType(column=name, type_="str"),
            gxe.ExpectColumnValuesToBeInSet(column=name, value_set=check["allowed"]),
        ]
    else:
        found = [
            gxe.ExpectColumnValuesToBeOfType(column=name, type_="float64"),
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=check["minimum"], max_value=check["maximum"]),
        ]
    return found if check["nullable"] else [*found, gxe.ExpectColumnValuesToNotBeNull(column=name)]


context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
asset = context.data_sources.add_pandas("peers").add_dataframe_asset("table")
definition = asset.add_batch_definition_whole_dataframe("whole")
suite = gx.ExpectationSuite(
    name="checks", expectations=[e for name, check in checks.items() for e in expectations(name, check)]
)
start = time.process_time()
frame = pd.read_parquet(file)
read = time.process_time()
batch = definition.get_batch(batch_parameters={"dataframe": frame})
result = batch.validate(suite, result_format="BASIC")
print(json.dumps({"read": read - start, "checked": time.process_time() - read, "process": time.process_time()}))
assert result.success, [r.expectation_config for r in result.results if not r.success][:3]
