"""Stacks come after those they depend on, with their assets resolved."""

from pathlib import Path

from local.cloud.assembly import stacks_of
from tests.contract.tiny_app import write_assembly


def test_stacks_come_in_the_order_of_their_dependencies(tmp_path: Path) -> None:
    stacks = stacks_of(write_assembly(tmp_path / "cdk.out"))
    assert [stack.name for stack in stacks] == ["EverloopStorage", "EverloopServing"]


def test_assets_are_resolved_for_the_local_account(tmp_path: Path) -> None:
    serving = stacks_of(write_assembly(tmp_path / "cdk.out"))[1]
    assert {asset.bucket for asset in serving.assets} == {"cdk-hnb659fds-assets-000000000000-us-east-1"}
    assert sorted((asset.source.name, asset.zipped) for asset in serving.assets) == [
        ("EverloopServing.template.json", False),
        ("code", True),
        ("layer", True),
    ]
    assert serving.template_asset.source == serving.template
