"""The CDK command line, as on AWS: it bootstraps and deploys to a local cloud, and the loop works there, too."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from everloop.contracts.batches import BatchStatus
from local.cloud.environment import ACCOUNT, REGION, aws_variables
from local.cloud.process import Cloud
from local.loop import Loop
from local.project import SOURCE_ROOT
from local.target import STACKS, Target
from tests.e2e.clouds import started_cloud
from tests.e2e.pumps import readings, write_csv, write_definition
from tests.e2e.steps import ROWS, train, upload, wait_until_answers

CDK = SOURCE_ROOT / "node_modules" / ".bin" / "cdk"
MODEL = "pump-deployed"
DEPLOY_TIMEOUT_S = 900

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.skipif(not CDK.exists(), reason=f"{CDK} is missing; run `make node_modules/.stamp`"),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with started_cloud(tmp_path_factory.mktemp("cdk-cloud")) as started:
        yield started


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    folder = tmp_path_factory.mktemp("cdk")
    models = folder / "models"
    models.mkdir()
    write_definition(models, MODEL, {})
    # Both commands synthesize; without these, into the checkout and with the real layers.
    app = ["--output", str(folder / "cdk.out"), "-c", "everloop:dependencies=host", "-c", f"everloop:models={models}"]
    run_cdk(cloud, folder, "bootstrap", f"aws://{ACCOUNT}/{REGION}", *app)
    run_cdk(cloud, folder, "deploy", "--all", "--require-approval", "never", *app)
    return Loop(Target(cloud))


def run_cdk(cloud: Cloud, home: Path, *arguments: str) -> None:
    """Nothing but the variables that point any AWS tool at the cloud, so that no real account can be meant."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(home),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        **aws_variables(cloud.port),
    }
    done = subprocess.run(
        [str(CDK), *arguments, "--ci", "--no-notices", "--no-version-reporting"],
        cwd=SOURCE_ROOT,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEPLOY_TIMEOUT_S,
    )
    assert done.returncode == 0, f"cdk {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-5_000:]}"


def test_the_command_line_deploys_every_stack(deployed: Loop) -> None:
    stacks = deployed.target.client("cloudformation").describe_stacks()["Stacks"]
    found = {stack["StackName"]: stack["StackStatus"] for stack in stacks}
    assert found == {"CDKToolkit": "CREATE_COMPLETE", **dict.fromkeys(STACKS, "CREATE_COMPLETE")}


def test_the_loop_works_on_that_deployment(deployed: Loop, tmp_path: Path) -> None:
    report = upload(deployed, MODEL, write_csv(tmp_path / "week.csv", readings(ROWS, seed=1)))
    assert (report.status, report.rows.accepted) == (BatchStatus.ACCEPTED, ROWS)
    run = train(deployed, MODEL)
    assert (run["status"], run["version"]) == ("promoted", 1)
    answer = wait_until_answers(deployed, MODEL, 1)
    assert {prediction["answered_by"] for prediction in answer["predictions"]} == {"model"}
