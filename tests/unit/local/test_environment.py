"""The local cloud's environment keeps the host's account out."""

from pathlib import Path

from infra.stacks.serving import API_TIMEOUT_S
from local.cloud.environment import KEPT_VARIABLES, cloud_environment
from local.project import Project

PROJECT = Project(root=Path("/project"), home=Path("/project/.everloop"))


def test_only_listed_variables_of_the_host_pass() -> None:
    host = {"PATH": "/bin", "AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIA", "DATABASE_PASSWORD": "x", "LANG": "C"}
    environment = cloud_environment(PROJECT, 4566, host)
    assert environment["PATH"] == "/bin"
    assert "AWS_PROFILE" not in environment
    assert "DATABASE_PASSWORD" not in environment
    assert environment["AWS_ACCESS_KEY_ID"] == "test"


def test_no_kept_variable_can_carry_credentials() -> None:
    assert not [name for name in KEPT_VARIABLES if name.startswith("AWS_") or "KEY" in name or "TOKEN" in name]


def test_a_function_gives_a_call_up_before_it_is_given_up_itself() -> None:
    assert 2 * float(cloud_environment(PROJECT, 4566, {})["EVERLOOP_AWS_TIMEOUT_S"]) < API_TIMEOUT_S


def test_every_aws_call_ends_at_this_machine() -> None:
    environment = cloud_environment(PROJECT, 4711, {"NO_PROXY": "internal", "HTTP_PROXY": "http://proxy:3128"})
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4711"
    assert "127.0.0.1" in environment["NO_PROXY"]
