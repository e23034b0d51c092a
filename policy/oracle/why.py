"""Reasons in words: what lets a flow pass, or whose default deny stops it."""

from collections.abc import Sequence

from dataplane.model.origin import Origin
from dataplane.model.verdict import Direction
from policy.model import Policy
from policy.oracle.flow import Reason

_WORDS = {Direction.INGRESS: "entering", Direction.EGRESS: "leaving"}


def outside() -> Reason:
    """That end is no pod: no policy is asked."""
    return Reason(True, "not a pod: no policy is asked")


def same_pod(pod: str) -> Reason:
    """A pod and itself."""
    return Reason(True, f"{pod} reaches itself: no policy can forbid that")


def own_node(pod: str, node: str) -> Reason:
    """A pod and the node it runs on."""
    return Reason(True, f"{pod} and its own node {node}: always allowed, probes among them")


def not_isolated(pod: str, direction: Direction) -> Reason:
    """No policy selects the pod in that direction."""
    return Reason(True, f"{_WORDS[direction]} {pod}: no policy selects it")


def allowed_by(pod: str, direction: Direction, rule: Origin, policies: Sequence[Policy]) -> Reason:
    """A rule lets it pass."""
    text = f"{_WORDS[direction]} {pod}: allowed by {rule.namespace}/{rule.name} {rule.field}"
    return Reason(True, text, rule, tuple(policy.origin for policy in policies))


def default_deny(pod: str, direction: Direction, policies: Sequence[Policy]) -> Reason:
    """Policies isolate the pod and none of their rules matches."""
    names = ", ".join(policy.key for policy in policies)
    text = f"{_WORDS[direction]} {pod}: default deny by {names}"
    return Reason(False, text, None, tuple(policy.origin for policy in policies))
