"""boto3 clients that can only talk to the embedded cloud."""

import os
from typing import Any

from local.cloud.environment import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY


def local_client(service: str, endpoint: str, **options: Any) -> Any:
    """A client of `service` at `endpoint`, whatever profile, proxy or credentials the host has set.

    `options` are botocore's, beside those that every client here has.
    """
    # boto3 takes 0.2 s to import, which `everloop --help` need not pay.
    import boto3
    import botocore.session
    from botocore.config import Config

    # (config key, environment variable, default, conversion): without a variable's name the host's is never read.
    isolated = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "ca_bundle": (None, None, None, None),
        }
    )
    session: Any = boto3.session.Session(botocore_session=isolated)
    return session.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        config=Config(
            s3={"addressing_style": "path"},
            inject_host_prefix=False,
            proxies={},
            retries={"mode": "standard", "max_attempts": 2},
        ).merge(Config(**options)),
    )
