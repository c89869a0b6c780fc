"""The HTTP API: who may call a route, how often, and what a refusal says."""

import json
from dataclasses import dataclass

from aws_cdk import RemovalPolicy
from aws_cdk.aws_apigateway import (
    AccessLogField,
    AccessLogFormat,
    ApiKey,
    AuthorizationType,
    CfnAccount,
    EndpointType,
    LambdaIntegration,
    LogGroupLogDestination,
    Method,
    MethodLoggingLevel,
    ResponseType,
    RestApi,
    StageOptions,
    ThrottleSettings,
    UsagePlan,
    UsagePlanPerApiStage,
)
from aws_cdk.aws_iam import PolicyStatement, Role, ServicePrincipal
from aws_cdk.aws_lambda import IFunction
from aws_cdk.aws_logs import LogGroup
from constructs import Construct

from infra.config import Config
from infra.constructs.findings import accept
from infra.constructs.python_function import LOG_RETENTION

STAGE = "v1"


@dataclass(frozen=True)
class Refusal:
    """An answer API Gateway gives by itself, before any function runs."""

    response_type: ResponseType
    title: str
    detail: str
    status: int | None = None
    """None where API Gateway picks the status: the default responses stand for many."""


REFUSALS = (
    Refusal(
        ResponseType.INVALID_API_KEY,
        "The API key is missing or wrong",
        "expected a key of this API's usage plan in the header x-api-key",
        403,
    ),
    Refusal(
        ResponseType.MISSING_AUTHENTICATION_TOKEN,
        "No such route, or the request is not signed",
        "expected a route of this API; those of operators need an AWS Signature Version 4",
        403,
    ),
    Refusal(
        ResponseType.INVALID_SIGNATURE,
        "The signature is wrong",
        "expected an AWS Signature Version 4 of this very request for the service execute-api",
        403,
    ),
    Refusal(
        ResponseType.EXPIRED_TOKEN,
        "The credentials have expired",
        "expected a request signed with credentials that are still valid; renew them and sign again",
        403,
    ),
    Refusal(
        ResponseType.ACCESS_DENIED,
        "Not allowed",
        "expected a caller whose IAM policy allows execute-api:Invoke on this route",
        403,
    ),
    Refusal(
        ResponseType.REQUEST_TOO_LARGE,
        "The body is too large",
        "expected a body of at most 10 MB; send the rows in several requests",
        413,
    ),
    Refusal(
        ResponseType.THROTTLED,
        "Too many requests",
        "expected fewer requests per second; wait a moment and try again",
        429,
    ),
    Refusal(
        ResponseType.QUOTA_EXCEEDED,
        "The quota of this API key is used up",
        "expected a request within the quota of the key's usage plan; ask the owner for more",
        429,
    ),
    Refusal(
        ResponseType.INTEGRATION_TIMEOUT,
        "No answer in time",
        "expected an answer within 29 seconds; send fewer rows, or try again",
        504,
    ),
    Refusal(
        ResponseType.INTEGRATION_FAILURE,
        "The function failed",
        "expected an answer of the function behind this route; its logs say why there is none",
        502,
    ),
    Refusal(ResponseType.DEFAULT_4_XX, "Bad request", "expected a request that API Gateway can pass on"),
    Refusal(ResponseType.DEFAULT_5_XX, "Internal error", "expected an answer; try again, then look at the API's logs"),
)


class HttpApi(Construct):
    """A REST API, because HTTP APIs have neither API keys nor usage plans nor their own refusals."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        logging = self._allow_logging(config.removal_policy)
        throttle = ThrottleSettings(rate_limit=config.requests_per_second, burst_limit=2 * config.requests_per_second)
        self.rest = RestApi(
            self,
            "Rest",
            description="Everloop: predictions, outcomes, events, and the model registry",
            endpoint_types=[EndpointType.REGIONAL],
            binary_media_types=["application/octet-stream"],  # of tensors; functions get them as base64
            deploy_options=StageOptions(
                stage_name=STAGE,
                throttling_rate_limit=throttle.rate_limit,
                throttling_burst_limit=throttle.burst_limit,
                tracing_enabled=config.tracing,
                logging_level=MethodLoggingLevel.ERROR,
                access_log_destination=LogGroupLogDestination(
                    LogGroup(self, "AccessLogs", retention=LOG_RETENTION, removal_policy=config.removal_policy)
                ),
                access_log_format=_access_log_format(),
            ),
        )
        self.rest.node.try_remove_child("Endpoint")  # the stack's own outputs say the same under stable names
        self.rest.deployment_stage.node.add_dependency(logging)
        for refusal in REFUSALS:
            self._refuse(refusal)

        self.key = ApiKey(self, "Key", description="For callers of predictions and outcomes")
        plan = UsagePlan(
            self,
            "Plan",
            throttle=throttle,
            api_stages=[UsagePlanPerApiStage(api=self.rest, stage=self.rest.deployment_stage)],
        )
        plan.add_api_key(self.key)

        accept(self.rest, "APIG2", reason="The functions validate bodies, and name the row and column that are wrong.")
        accept(self.rest, "APIG3", reason="Throttling, API keys and IAM guard the API; a firewall costs money at rest.")

    def for_key_holders(self, function: IFunction, *routes: str) -> None:
        """Open routes to whoever has an API key of the usage plan."""
        for route in routes:
            method = self._add(function, route, AuthorizationType.NONE, api_key_required=True)
            accept(method, "APIG4", reason="An API key of the usage plan is required: callers are devices, not users.")
            accept(method, "COG4", reason="An API key of the usage plan is required: callers are devices, not users.")

    def for_operators(self, function: IFunction, *routes: str) -> None:
        """Open routes to signed requests of IAM principals that may invoke them."""
        for route in routes:
            method = self._add(function, route, AuthorizationType.IAM, api_key_required=False)
            accept(method, "COG4", reason="IAM authorizes this route; operators have AWS credentials, not a user pool.")

    def _add(
        self, function: IFunction, route: str, authorization: AuthorizationType, *, api_key_required: bool
    ) -> Method:
        verb, path = route.split(" ")
        return self.rest.root.resource_for_path(path).add_method(
            verb,
            LambdaIntegration(function, allow_test_invoke=False, scope_permission_to_method=False),
            authorization_type=authorization,
            api_key_required=api_key_required,
        )

    def _refuse(self, refusal: Refusal) -> None:
        """Answer with RFC 9457 problem details."""
        problem = {"type": "about:blank", "title": refusal.title}
        status = {} if refusal.status is None else {"status": refusal.status}
        about = {"detail": refusal.detail, "instance": "urn:uuid:$context.requestId"}
        self.rest.add_gateway_response(
            refusal.response_type.response_type.title().replace("_", ""),
            type=refusal.response_type,
            status_code=None if refusal.status is None else str(refusal.status),
            response_headers={"Content-Type": "'application/problem+json'"},
            # API Gateway takes the template of application/json whatever the caller accepts.
            templates={"application/json": json.dumps({**problem, **status, **about})},
        )

    def _allow_logging(self, removal_policy: RemovalPolicy) -> CfnAccount:
        """Let API Gateway write logs.

        NOTE: this is one setting for the whole account and region. It is retained like data, since by the time the
        stack is deleted other APIs may rely on it.
        """
        role = Role(self, "LoggingRole", assumed_by=ServicePrincipal("apigateway.amazonaws.com"))
        role.add_to_policy(
            PolicyStatement(
                actions=[
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogGroups",
                    "logs:DescribeLogStreams",
                    "logs:FilterLogEvents",
                    "logs:GetLogEvents",
                    "logs:PutLogEvents",
                ],
                resources=["*"],
            )
        )
        accept(
            role,
            "IAM5[Resource::*]",
            reason="API Gateway refuses an account role that may not write to the log groups of any API.",
        )
        account = CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        account.node.add_dependency(role)
        for kept in (role, account):
            kept.apply_removal_policy(removal_policy)
        return account


def _access_log_format() -> AccessLogFormat:
    fields = {
        "requestId": AccessLogField.context_request_id(),
        "ip": AccessLogField.context_identity_source_ip(),
        "requestTime": AccessLogField.context_request_time(),
        "httpMethod": AccessLogField.context_http_method(),
        "resourcePath": AccessLogField.context_resource_path(),
        "status": AccessLogField.context_status(),
        "responseLength": AccessLogField.context_response_length(),
        "latencyMs": AccessLogField.context_response_latency(),
        "error": AccessLogField.context_error_message(),
    }
    return AccessLogFormat.custom(json.dumps(fields))
