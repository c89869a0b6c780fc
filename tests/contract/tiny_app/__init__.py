"""A cloud assembly of two small stacks, written by hand: synthesizing one would take ten seconds of jsii."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

FUNCTIONS = Path(__file__).parent / "functions"
WINDOW_S = 2
"""Of the queue Gathered."""
BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    },
}
CATCHING_BY_NAME = {
    "StartAt": "Call",
    "States": {
        "Call": {
            "Type": "Task",
            "Resource": "${Probe}",
            "Catch": [{"ErrorEquals": ["CustomError"], "ResultPath": "$.error", "Next": "Caught"}],
            "End": True,
        },
        "Caught": {"Type": "Pass", "Parameters": {"caught.$": "$.error.Error"}, "End": True},
    },
}


def write_assembly(folder: Path, *, layer_origin: str = "layer") -> Path:
    """Two stacks, the second importing from the first; `layer_origin` is what `everloop.ORIGIN` says."""
    shutil.rmtree(folder, ignore_errors=True)
    package = folder / "layer" / "python" / "everloop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"ORIGIN = {layer_origin!r}\n")
    shutil.copytree(FUNCTIONS, folder / "code", ignore=shutil.ignore_patterns("__pycache__"))
    code, layer = _hash(folder / "code" / "probe.py"), _hash(package / "__init__.py")
    folders = {code: "code", layer: "layer"}
    _write(folder / "manifest.json", {"version": "36.0.0", "artifacts": _artifacts()})
    _write_stack(folder, "EverloopStorage", _storage(), {})
    _write_stack(folder, "EverloopServing", _serving(code, layer), folders)
    return folder


def _storage() -> dict[str, Any]:
    return {
        "Resources": {"Lake": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}},
        "Outputs": {"LakeBucketName": {"Value": {"Ref": "Lake"}, "Export": {"Name": "EverloopStorage:Lake"}}},
    }


def _serving(code: str, layer: str) -> dict[str, Any]:
    probe = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "probe.lambda_handler",
            "Code": {"S3Bucket": {"Fn::Sub": BUCKET}, "S3Key": f"{code}.zip"},
            "Layers": [{"Ref": "Package"}],
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "MemorySize": 256,
            "Timeout": 20,
            "Environment": {"Variables": {"LAKE": {"Fn::ImportValue": "EverloopStorage:Lake"}}},
        },
    }
    package = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"Content": {"S3Bucket": {"Fn::Sub": BUCKET}, "S3Key": f"{layer}.zip"}},
    }
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
            "DefinitionString": {
                "Fn::Sub": [json.dumps(CATCHING_BY_NAME), {"Probe": {"Fn::GetAtt": ["Probe", "Arn"]}}]
            },
        },
    }
    queues = {**_triggering_queue("Work"), "Parked": {"Type": "AWS::SQS::Queue"}}
    queues |= _triggering_queue("Gathered", BatchSize=20, MaximumBatchingWindowInSeconds=WINDOW_S)
    queues |= _triggering_queue("Filled", BatchSize=20, MaximumBatchingWindowInSeconds=300)
    references = {"ProbeName": "Probe", "WorkUrl": "Work", "ParkedUrl": "Parked", "MachineArn": "Machine"}
    references |= {"GatheredUrl": "Gathered", "FilledUrl": "Filled"}
    references |= {"ApiId": "Api", "ApiStage": "Stage", "ApiKeyId": "Key"}
    return {
        "Resources": {"Role": ROLE, "Package": package, "Probe": probe, "Machine": machine, **queues, **_api()},
        "Outputs": {name: {"Value": {"Ref": resource}} for name, resource in references.items()},
    }


def _triggering_queue(name: str, **batches: int) -> dict[str, Any]:
    mapping = {"EventSourceArn": {"Fn::GetAtt": [name, "Arn"]}, "FunctionName": {"Ref": "Probe"}, **batches}
    return {
        name: {"Type": "AWS::SQS::Queue"},
        f"{name}Trigger": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }


def _api() -> dict[str, Any]:
    def method(verb: str) -> dict[str, Any]:
        uri = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Probe.Arn}/invocations"
        return {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "HttpMethod": verb,
                "AuthorizationType": "NONE",
                "ApiKeyRequired": True,
                "Integration": {"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": {"Fn::Sub": uri}},
            },
        }

    stage = {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Deployment"}, "StageName": "v1"}
    plan = {"ApiStages": [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}]}
    plan_key = {"KeyId": {"Ref": "Key"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"}}
    return {
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "Tiny"}},
        "Post": method("POST"),
        "Delete": method("DELETE"),
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": ["Post", "Delete"],
            "Properties": {"RestApiId": {"Ref": "Api"}},
        },
        "Stage": {"Type": "AWS::ApiGateway::Stage", "Properties": stage},
        "Key": {"Type": "AWS::ApiGateway::ApiKey", "Properties": {"Enabled": True}},
        "Plan": {"Type": "AWS::ApiGateway::UsagePlan", "Properties": plan},
        "PlanKey": {"Type": "AWS::ApiGateway::UsagePlanKey", "Properties": plan_key},
    }


def _artifacts() -> dict[str, Any]:
    def stack(name: str, *dependencies: str) -> dict[str, Any]:
        return {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": [*dependencies, f"{name}.assets"],
        }

    def manifest(name: str) -> dict[str, Any]:
        return {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}

    return {
        "EverloopServing": stack("EverloopServing", "EverloopStorage"),
        "EverloopServing.assets": manifest("EverloopServing"),
        "EverloopStorage": stack("EverloopStorage"),
        "EverloopStorage.assets": manifest("EverloopStorage"),
    }


def _write_stack(folder: Path, name: str, template: dict[str, Any], folders: dict[str, str]) -> None:
    path = folder / f"{name}.template.json"
    _write(path, template)
    files = {key: _file(source, "zip", f"{key}.zip") for key, source in folders.items()}
    files["template"] = _file(path.name, "file", f"{_hash(path)}.json")
    _write(folder / f"{name}.assets.json", {"version": "36.0.0", "files": files})


def _file(path: str, packaging: str, key: str) -> dict[str, Any]:
    return {
        "source": {"path": path, "packaging": packaging},
        "destinations": {"local": {"bucketName": BUCKET, "objectKey": key}},
    }


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))
