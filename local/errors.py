"""What can go wrong on this machine, as branches of Everloop's one error tree.

EverloopError
├── LocalCloudError          the embedded cloud cannot start, stop or answer
│   └── PortInUseError       somebody else listens there
├── SynthesisError           infra/ does not produce templates
├── DeploymentError          CloudFormation refuses a stack
├── NotDeployedError         there is nothing to talk to yet
├── ApiError                 the deployed loop refused, in its own words
└── StillWaitingError        what was asked for did not happen in time
"""

from everloop.errors import EverloopError


class LocalCloudError(EverloopError):
    pass


class PortInUseError(LocalCloudError):
    def __init__(self, port: int) -> None:
        super().__init__(
            f"port {port} is in use by another program; choose a free one with `everloop up --port {port + 1}`"
        )
        self.port = port


class SynthesisError(EverloopError):
    pass


class DeploymentError(EverloopError):
    pass


class NotDeployedError(EverloopError):
    pass


class ApiError(EverloopError):
    pass


class StillWaitingError(EverloopError):
    pass
