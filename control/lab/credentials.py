"""Who is who in a lab: certificates of every component, made at the first `up` and kept."""

import os

from control.lab.directory import LabDirectory, write_private
from control.lab.kubeconfig import kubeconfig
from control.lab.pki import (
    CertificateAuthority,
    KeyPair,
    Subject,
    Usage,
    create_ca,
    issue,
    service_account_key,
)
from control.lab.plan import LabPlan

ADMINS = "system:masters"


def ensure_credentials(plan: LabPlan, directory: LabDirectory, api_port: int) -> None:
    """Make what is missing of the lab's certificates, and the kubeconfig of its owner."""
    ca = create_ca(directory.pki, "ca", "podwire-ca")
    service_account_key(directory.pki, "sa")
    _issue_once(ca, directory, "apiserver", _server_names(plan), Usage.SERVER)
    for name, user, groups in (
        ("admin", "podwire-admin", (ADMINS,)),
        ("controllers", "system:kube-controller-manager", ()),
        ("scheduler", "system:kube-scheduler", ()),
        ("kubelet-client", "kube-apiserver-kubelet-client", (ADMINS,)),
    ):
        _issue_once(ca, directory, name, Subject(user, groups), Usage.CLIENT)
    for node in plan.fabric.nodes:
        user = f"system:node:{node.name}"
        _issue_once(ca, directory, f"kubelet-{node.name}", Subject(user, ("system:nodes",)), Usage.CLIENT)
        names = (node.name, *(str(address) for address in node.addresses))
        serving = Subject(user, ("system:nodes",), names)
        _issue_once(ca, directory, f"kubelet-{node.name}-serving", serving, Usage.SERVER)
    _hand_over(directory)
    admin = KeyPair.at(directory.pki, "admin")
    server = f"https://127.0.0.1:{api_port}"
    text = kubeconfig(plan.name, server, ca.files.cert, admin.cert, admin.key)
    write_private(directory.kubeconfig, text, directory.owner())


def _server_names(plan: LabPlan) -> Subject:
    """All names and addresses under which the API is reached: nodes, pods, loopback."""
    domain = plan.spec.cluster_domain
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}")
    addresses = [str(address) for address in plan.control.addresses]
    services = [str(cidr[1]) for cidr in plan.service_cidrs]
    return Subject("kube-apiserver", (), (*names, "localhost", "127.0.0.1", "::1", *addresses, *services))


def _issue_once(
    ca: CertificateAuthority, directory: LabDirectory, name: str, subject: Subject, usage: Usage
) -> None:
    if not KeyPair.at(directory.pki, name).exists:
        issue(ca, directory.pki, name, subject, usage)


def _hand_over(directory: LabDirectory) -> None:
    """The owner may read the admin's certificate and key; all other keys stay root's."""
    owner = directory.owner()
    admin = KeyPair.at(directory.pki, "admin")
    for path in (directory.pki, admin.cert, admin.key):
        os.chown(path, owner.uid, owner.gid)
