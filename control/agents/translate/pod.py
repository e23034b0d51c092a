"""A Pod's JSON to what the zygote and CNI are asked for."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cni.spec.config import AttachRequest, PortMapping
from control.agents.context import NodeContext
from control.agents.environment import expand
from control.agents.images import DNS_IMAGE, facts_of
from control.agents.kubelet_errors import ConfigError
from control.workload.machine import ADDABLE_CAPABILITIES, DEFAULT_CAPABILITIES
from control.workload.request import ContainerRequest, SandboxRequest
from control.workload.standin.plan import StandInPlan, upstreams_of
from dataplane.host.process import CAPABILITY_NUMBERS, bounding_set
from dataplane.netns.names import NamespaceName

Json = dict[str, Any]
READY_ANNOTATION = "podwire.dev/ready"
CALLS_ANNOTATION = "podwire.dev/calls"
DRAIN_ANNOTATION = "podwire.dev/drain"
_NOBODY = 65532
_DNS_MODULE = "control.dns.server"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was made for a container beforehand. environment: all; declared: the manifest's own part.

    volumes: (source, target, "ro" | "rw", sub_path). groups: supplementary groups of the pod.
    """

    environment: Mapping[str, str]
    declared: Mapping[str, str]
    volumes: tuple[tuple[str, str, str, str], ...]
    addresses: tuple[str, ...]
    attempt: int


def uid_of(pod: Json) -> str:
    """The pod's identity."""
    return str(pod["metadata"]["uid"])


def key_of(pod: Json) -> str:
    """``namespace/name``."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def hostname_of(pod: Json) -> str:
    """What ``hostname`` prints in the pod; at most 63 characters."""
    name = str(pod["spec"].get("hostname") or pod["metadata"]["name"])
    return name[:63].rstrip("-.")


def netns_of(ctx: NodeContext, pod: Json) -> str:
    """Name of the pod's network namespace; the node's own for hostNetwork."""
    if pod["spec"].get("hostNetwork"):
        return ctx.netns
    meta = pod["metadata"]
    return str(NamespaceName.of_pod(ctx.lab, meta["namespace"], meta["name"], meta["uid"]))


def attach_request(ctx: NodeContext, pod: Json) -> AttachRequest:
    """For CNI."""
    meta = pod["metadata"]
    return AttachRequest(
        meta["uid"],
        netns_of(ctx, pod),
        meta["namespace"],
        meta["name"],
        hostname_of(pod),
        port_mappings=tuple(
            PortMapping(
                port["hostPort"],
                port["containerPort"],
                port.get("protocol", "TCP").lower(),
                port.get("hostIP", ""),
            )
            for container in pod["spec"].get("containers") or ()
            for port in container.get("ports") or ()
            if port.get("hostPort")
        ),
    )


def sandbox_request(ctx: NodeContext, pod: Json) -> SandboxRequest:
    """For the zygote."""
    meta = pod["metadata"]
    on_node = bool(pod["spec"].get("hostNetwork"))
    return SandboxRequest(
        uid=meta["uid"],
        node=ctx.name,
        namespace=meta["namespace"],
        name=meta["name"],
        hostname=ctx.name if on_node else hostname_of(pod),
        cgroup=str(ctx.cgroup / meta["uid"]),
    )


def container_request(ctx: NodeContext, pod: Json, container: Json, prepared: Prepared) -> ContainerRequest:
    """For the zygote. Raises ConfigError for what podwire does not let a container have."""
    image = facts_of(container.get("image", ""))
    security = _security(pod, container)
    user, group = _user(pod, container, security, known_base=image.known_base)
    argv = _argv(container, prepared.environment, image.command)
    meta = pod["metadata"]
    is_dns = image.name == DNS_IMAGE
    return ContainerRequest(
        id=secrets.token_hex(32),
        uid=meta["uid"],
        node=ctx.name,
        container=container["name"],
        attempt=prepared.attempt,
        cgroup=str(ctx.cgroup / meta["uid"] / container["name"]),
        argv=argv,
        env=tuple(f"{key}={value}" for key, value in prepared.environment.items()),
        cwd=container.get("workingDir") or "/",
        user=user,
        group=group,
        groups=_groups(pod, group),
        capabilities=_capabilities(container, security),
        no_new_privs=security.get("allowPrivilegeEscalation") is False,
        read_only_root=bool(security.get("readOnlyRootFilesystem")),
        volumes=prepared.volumes,
        files=_files(ctx, pod, prepared.addresses),
        known_base=image.known_base,
        standin=standin_plan(ctx, pod, container, prepared.declared).to_text(),
        module=_DNS_MODULE if is_dns else "",
        stdin=bool(container.get("stdin")),
        tty=bool(container.get("tty")),
        labels=json.dumps({"namespace": meta["namespace"], "pod": meta["name"]}),
    )


def standin_plan(ctx: NodeContext, pod: Json, container: Json, declared: Mapping[str, str]) -> StandInPlan:
    """What a stand-in for this container is told."""
    annotations = pod["metadata"].get("annotations") or {}
    tcp, udp = _ports(container, declared)
    return StandInPlan(
        pod=pod["metadata"]["name"],
        namespace=pod["metadata"]["namespace"],
        node=ctx.name,
        container=container["name"],
        image=container.get("image", ""),
        tcp=tcp,
        udp=udp,
        upstreams=upstreams_of(declared, annotations.get(CALLS_ANNOTATION, "")),
        unready_paths=_unready_paths(container),
        ready=annotations.get(READY_ANNOTATION) != "false",
        drain_s=_seconds(annotations.get(DRAIN_ANNOTATION, "1")),
    )


def _ports(container: Json, declared: Mapping[str, str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ports declared, named by probes and hooks, in ``PORT``, and those of a known image."""
    tcp: dict[int, None] = {}
    udp: dict[int, None] = {}
    for port in container.get("ports") or []:
        if port.get("protocol", "TCP") == "UDP":
            udp[int(port["containerPort"])] = None
        elif port.get("protocol", "TCP") == "TCP":
            tcp[int(port["containerPort"])] = None
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        number = probe_port(container, container.get(probe) or {})
        if number is not None:
            tcp[number] = None
    if declared.get("PORT", "").isdigit() and 0 < int(declared["PORT"]) < 65536:
        tcp[int(declared["PORT"])] = None
    if not tcp and not udp:
        tcp.update(dict.fromkeys(facts_of(container.get("image", "")).ports))
    return tuple(tcp), tuple(udp)


def probe_port(container: Json, probe: Json) -> int | None:
    """The number of the port that a probe or hook names; None when it has none or the name is unknown."""
    port = (probe.get("httpGet") or probe.get("tcpSocket") or probe.get("grpc") or {}).get("port")
    if port is None:
        return None
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for declared in container.get("ports") or []:
        if declared.get("name") == port:
            return int(declared["containerPort"])
    return None


def _unready_paths(container: Json) -> tuple[str, ...]:
    """Paths of the readiness probe alone: liveness must not fail, and callers of ``/`` are no probe."""
    paths = {
        probe: (container.get(probe) or {}).get("httpGet", {}).get("path", "/")
        for probe in ("readinessProbe", "livenessProbe", "startupProbe")
        if "httpGet" in (container.get(probe) or {})
    }
    path = paths.pop("readinessProbe", "/").split("?")[0]
    return () if path == "/" or path in paths.values() else (path,)


def _seconds(text: str) -> float:
    try:
        return min(max(float(text.removesuffix("s")), 0.0), 600.0)
    except ValueError:
        return 1.0


def _security(pod: Json, container: Json) -> Json:
    """The container's security context over the pod's. Raises ConfigError for what is refused."""
    merged = {**(pod["spec"].get("securityContext") or {}), **(container.get("securityContext") or {})}
    if merged.get("privileged"):
        raise ConfigError(
            "privileged: true is refused: a privileged container could change this machine (docs/security.md)"
        )
    return merged


def _user(pod: Json, container: Json, security: Json, *, known_base: bool) -> tuple[int, int]:
    user, group = security.get("runAsUser"), security.get("runAsGroup")
    if security.get("runAsNonRoot"):
        where = f'(pod: "{pod["metadata"]["name"]}_{pod["metadata"]["namespace"]}({uid_of(pod)})", '
        where += f"container: {container['name']})"
        if user == 0:
            raise ConfigError(f"container's runAsUser breaks non-root policy {where}")
        if user is None and known_base:
            raise ConfigError(f"container has runAsNonRoot and image will run as root {where}")
        if user is None:
            # An image that declares this brings its own user; a stand-in takes the usual number for nobody.
            user = _NOBODY
    return int(user or 0), int(group or 0)


def _groups(pod: Json, group: int) -> tuple[int, ...]:
    security = pod["spec"].get("securityContext") or {}
    found = {group, *(security.get("supplementalGroups") or [])}
    if security.get("fsGroup") is not None:
        found.add(int(security["fsGroup"]))
    return tuple(sorted(found))


def _capabilities(container: Json, security: Json) -> tuple[str, ...]:
    wanted = security.get("capabilities") or {}
    add = {name.upper().removeprefix("CAP_") for name in wanted.get("add") or []}
    drop = {name.upper().removeprefix("CAP_") for name in wanted.get("drop") or []}
    refused = add - set(ADDABLE_CAPABILITIES) - set(DEFAULT_CAPABILITIES)
    if refused:
        raise ConfigError(
            f"container {container['name']}: capability {', '.join(sorted(refused))} is refused: it reaches "
            "beyond the container's own namespaces (docs/security.md)"
        )
    absent = {name for name in add if CAPABILITY_NUMBERS[name] not in _machine_capabilities()}
    if absent:
        raise ConfigError(
            f"container {container['name']}: capability {', '.join(sorted(absent))} can't be given: this machine's "
            "root does not have it"
        )
    base = set() if "ALL" in drop else set(DEFAULT_CAPABILITIES) - drop
    return tuple(sorted(base | add))


@cache
def _machine_capabilities() -> frozenset[int]:
    return bounding_set()


def maps_ports(ctx: NodeContext) -> bool:
    """Does the node's pod network open hostPorts? Podwire's own does not, a conflist with portmap does."""
    document = json.loads(ctx.cni.conflist) if ctx.cni is not None else {}
    return any(
        (plugin.get("capabilities") or {}).get("portMappings")
        for plugin in document.get("plugins") or [document]
    )


def ignored(ctx: NodeContext, pod: Json) -> list[str]:
    """What a manifest asks for and podwire does not do, a sentence each, for Events."""
    found: list[str] = []
    if pod["spec"].get("hostPID"):
        found = ["hostPID is not heeded: nodes of a lab have no process table of their own"]
    if pod["spec"].get("hostNetwork"):
        return found
    ports = [
        p["hostPort"] for c in pod["spec"]["containers"] for p in c.get("ports") or [] if p.get("hostPort")
    ]
    if ports and maps_ports(ctx):
        ports = []
    found += [f"hostPort {port} is not opened on the node: use a NodePort Service" for port in ports]
    sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or []
    return found + [
        f"sysctl {entry['name']} is not set: podwire applies no sysctls of pods" for entry in sysctls
    ]


def _argv(container: Json, environment: Mapping[str, str], default: tuple[str, ...]) -> tuple[str, ...]:
    command = [expand(str(word), environment) for word in container.get("command") or []]
    args = [expand(str(word), environment) for word in container.get("args") or []]
    if facts_of(container.get("image", "")).name == DNS_IMAGE:
        return tuple(args)
    if command:
        return (*command, *args)
    if args and facts_of(container.get("image", "")).known_base:
        return tuple(args)  # the known bases have no entrypoint: args are the command
    return () if args else default


def _files(ctx: NodeContext, pod: Json, addresses: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        addresses, hostname = tuple(str(a) for a in ctx.addresses), ctx.name
    else:
        hostname = hostname_of(pod)
    return (
        ("/etc/resolv.conf", resolv_conf(ctx, pod)),
        ("/etc/hosts", _hosts(ctx, pod, hostname, addresses)),
        ("/etc/hostname", hostname + "\n"),
    )


def _hosts(ctx: NodeContext, pod: Json, hostname: str, addresses: tuple[str, ...]) -> str:
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
    ]
    subdomain = pod["spec"].get("subdomain")
    full = (
        f"{hostname}.{subdomain}.{pod['metadata']['namespace']}.svc.{ctx.cluster_domain}\t"
        if subdomain
        else ""
    )
    lines += [f"{address}\t{full}{hostname}" for address in addresses]
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        lines += ["", "# Entries added by HostAliases."]
        lines += ["\t".join([alias["ip"], *(alias.get("hostnames") or [])]) for alias in aliases]
    return "\n".join(lines) + "\n"


def resolv_conf(ctx: NodeContext, pod: Json) -> str:
    """The pod's resolver configuration by dnsPolicy and dnsConfig."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    own = spec.get("dnsConfig") or {}
    outside = policy == "Default" or (policy == "ClusterFirst" and spec.get("hostNetwork"))
    servers: list[str] = []
    searches: list[str] = []
    options: dict[str, str] = {}
    if outside:
        servers = ["8.8.8.8"]  # the lab's internet namespace owns it
    elif policy != "None":
        servers = [str(ctx.dns_ip)]
        domain = ctx.cluster_domain
        searches = [f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain]
        options = {"ndots": "5"}
    servers += [server for server in own.get("nameservers") or [] if server not in servers]
    searches += [search for search in own.get("searches") or [] if search not in searches]
    options |= {option["name"]: str(option.get("value") or "") for option in own.get("options") or []}
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append("options " + " ".join(f"{k}:{v}" if v else k for k, v in options.items()))
    return "\n".join(lines) + "\n"
