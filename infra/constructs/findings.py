"""Accept cdk-nag findings one by one, each with its reason."""

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from constructs import Construct, IConstruct, IValidation


def accept(construct: IConstruct, finding: str, *, reason: str) -> None:
    """Accept one AwsSolutions finding, such as `APIG3` or `IAM5[Resource::*]`, on a construct and its children."""
    Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason))


def accept_wildcard(construct: Construct, resource: str, *, reason: str) -> None:
    """Accept this very IAM resource, which ends in a wildcard.

    NOTE: cdk-nag names a resource of another stack by its export, and exports exist only once the whole tree does:
    hence a validation, which runs between the two.
    """
    construct.node.add_validation(_WildcardAccepted(construct, resource, reason))


@jsii.implements(IValidation)
class _WildcardAccepted:
    def __init__(self, construct: Construct, resource: str, reason: str) -> None:
        self._construct = construct
        self._resource = resource
        self._reason = reason

    def validate(self) -> list[str]:
        resource = _flat(Stack.of(self._construct).resolve(self._resource))
        accept(self._construct, f"IAM5[Resource::{resource}]", reason=self._reason)
        return []


def _flat(value: object) -> str:
    """Write a resolved reference the way cdk-nag does in the names of its findings."""
    match value:
        case {"Fn::Join": [str() as delimiter, [*parts]]}:
            return delimiter.join(_flat(part) for part in parts)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return str(value)
