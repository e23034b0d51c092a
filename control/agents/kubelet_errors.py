"""Errors of the kubelet.

ControlError
└ PodError(message)
  ├ ConfigError     the container can't be made from what the pod says: CreateContainerConfigError
  ├ MountError      a volume can't be made: Event FailedMount
  └ SandboxError    namespace, addresses or policy can't be made: Event FailedCreatePodSandBox
"""

from control.errors import ControlError


class PodError(ControlError):
    """Something about one pod, told as upstream tells it."""

    id = "PW-C20"


class ConfigError(PodError):
    """Waiting reason CreateContainerConfigError; tried again, since what is missing may come."""

    id = "PW-C21"


class MountError(PodError):
    """A volume can't be set up; tried again."""

    id = "PW-C22"


class SandboxError(PodError):
    """The pod's namespaces or network can't be made; tried again."""

    id = "PW-C23"
