"""The environment of the embedded cloud and of its functions: nothing in it can reach a real AWS account."""

import os
from collections.abc import Mapping

from local.project import Project

ACCOUNT = "000000000000"
REGION = "us-east-1"
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105 - the emulator accepts any key; this one opens nothing
HOST = "127.0.0.1"
QUEUE_HOST, QUEUE_PORT = "localhost", "4566"
"""What every queue's own URL names, whatever port the cloud listens on; see ministack.keep_queues_over_a_restart."""
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""What EventBridge Scheduler replaces in a schedule's input by the moment it was due."""
SAVED_MARK = "saved"
"""A file next to the saved services, touched when all of them are written."""

# An allow-list, because a list of credential variables to drop would never be complete. What stays is what a process
# needs to run at all and to reach a webhook from behind a company proxy.
KEPT_VARIABLES = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)


def endpoint_url(port: int) -> str:
    return f"http://{HOST}:{port}"


def cloud_environment(project: Project, port: int, host: Mapping[str, str]) -> dict[str, str]:
    """Environment of the server started for `project` on `port`; its functions inherit it."""
    kept = {name: value for name, value in host.items() if name in KEPT_VARIABLES}
    return kept | aws_variables(port) | _server_variables(project, port)


def aws_variables(port: int) -> dict[str, str]:
    """Point any AWS tool at the cloud on `port`, and away from everything else."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint_url(port),
        # A profile in ~/.aws could ignore the endpoint above or name a credential process: never read it.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Functions trace to a daemon that does not exist here.
        "POWERTOOLS_TRACE_DISABLED": "1",
        "NO_PROXY": f"{HOST},localhost",
        "no_proxy": f"{HOST},localhost",
    }


def _server_variables(project: Project, port: int) -> dict[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        # Listeners of services that Everloop does not use; they would bind further ports.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(project.services),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(project.state / "s3"),
        "TMPDIR": str(project.temporary),
        "HOME": str(project.temporary),
        "PYTHONUNBUFFERED": "1",
        # On AWS each function has cores of its own; here they share this machine's, and waiting threads spin.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # So does the cloud, which may stand still for seconds; what is given up then would be missing in the log.
        "EVERLOOP_AWS_TIMEOUT_S": "10",
    }
