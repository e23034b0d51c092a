"""``podwire-cni``, the executable plugin: a call in the environment and on standard input to its result or error.

The protocol is the specification's (1.1, section 2): errors are JSON on standard output, with a code. Imports little and loads what a verb needs when it needs it: a runtime starts it for every pod.
"""

import json
import os
import sys
from collections.abc import Mapping
from ipaddress import ip_address, ip_interface
from typing import Any

from cni.errors import AttachmentWrong, CNIError, ConfigInvalid, ContainerUnknown, InputUndecodable
from cni.spec import call as calls
from cni.spec import config as configs
from cni.spec import version
from cni.spec.call import Call
from cni.spec.config import AttachRequest, NodeNetwork
from dataplane.errors import KernelError
from dataplane.model.address import IPAddress

Json = Mapping[str, Any]
_USUAL = "eth0"


def main() -> int:
    """The console script. Exits 0 or 1; never writes to standard output what is neither result nor error."""
    spoken = version.CURRENT
    try:
        call = calls.read(os.environ)
        config = decoded(sys.stdin.buffer.read(), call)
        said = config.get("cniVersion")
        spoken = said if said in version.SUPPORTED else version.CURRENT
        here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        result = run(call, config, f"/proc/self/fd/{here}")
    except CNIError as error:
        _say(error.as_json(spoken))
        return 1
    except (KernelError, OSError) as error:
        _say(CNIError(str(error), mend=getattr(error, "mend", "")).as_json(spoken))
        return 1
    if result is not None:
        _say(result)
    return 0


def decoded(text: bytes, call: Call) -> Json:
    """Standard input as an object; VERSION may come with none. Raises InputUndecodable."""
    if call.verb == "VERSION" and not text.strip():
        return {}
    try:
        config = json.loads(text)
    except ValueError as error:
        raise InputUndecodable("standard input is not JSON", str(error)) from error
    if not isinstance(config, dict):
        raise InputUndecodable("standard input is not a JSON object")
    return config


def run(call: Call, config: Json, here: str) -> Json | None:
    """One verb; its result, None where it has none. here: the namespace of the node, as a path or a name.

    Raises CNIError, KernelError.
    """
    if call.verb == "VERSION":
        asked = config.get("cniVersion")
        return version.as_json(asked if asked in version.SUPPORTED else version.CURRENT)
    network = configs.parse(config, call.verb, here=here)
    if call.verb == "STATUS":
        from cni.ipam.ledger import Ledger
        from cni.plugin import verbs

        verbs.status(network, Ledger(network.directory))
        return None
    return _with_links(call, config, network)


def _with_links(call: Call, config: Json, network: NodeNetwork) -> Json | None:
    from cni.ipam import verbs as ipam
    from cni.ipam.ledger import Ledger
    from cni.plugin import verbs
    from dataplane.fabric.pod import PodLinks
    from dataplane.model.topology import pod_link_name
    from dataplane.netns import create

    ledger, key = Ledger(network.directory), attachment_key(call.container_id, call.interface)
    if call.verb == "CHECK":
        verbs.check(network, ledger, key)
        same_addresses(config, ipam.find(ledger, key))
        return None
    if call.verb == "ADD":
        if config.get("prevResult"):
            raise ConfigInvalid("prevResult: podwire-cni makes the interface, so it stands first in its list")
        if not create.is_there(call.netns):
            raise ContainerUnknown(f"CNI_NETNS: {call.netns} is no network namespace")
        network = verbs.settled(network)
    if call.verb in {"DEL", "GC"}:
        gone = [key]
        if call.verb == "GC":
            valid = valid_attachments(config)
            gone = [held.container_id for held in ipam.holders(ledger) if held.container_id not in valid]
        if not create.is_there(network.netns):  # its links went with it; the addresses are left
            for each in gone:
                ipam.give_back(ledger, each)
            return None
        with PodLinks(network.netns) as links:
            for each in gone:
                verbs.unplug(network, ledger, links, each)
        return None
    with PodLinks(network.netns) as links:
        result = verbs.add(network, ledger, links, attach_request(call, config, key))
        waited_for = call.netns if call.interface == _USUAL else None
        links.enable(pod_link_name(key), waited_for, bridge=network.bridge)
    return result.as_json(config["cniVersion"])


def attachment_key(container_id: str, interface: str) -> str:
    """What the ledger calls an attachment: the container's id, and a second interface's name after it."""
    return container_id if interface == _USUAL else f"{container_id}/{interface}"


def attach_request(call: Call, config: Json, key: str) -> AttachRequest:
    """What is asked for; by name of the pod where the runtime says it, with the addresses that it wants."""
    args = dict(call.args)
    return AttachRequest(
        container_id=key,
        netns=call.netns,
        namespace=args.get("K8S_POD_NAMESPACE", "cni"),
        pod=args.get("K8S_POD_NAME", call.container_id),
        interface=call.interface,
        addresses=_wanted(args, config),
    )


def _wanted(args: Mapping[str, str], config: Json) -> tuple[IPAddress, ...]:
    """``IP`` of CNI_ARGS, capability ``ips``, or ``args.cni.ips``: the conventions, in that order."""
    conventions = ((config.get("args") or {}).get("cni") or {}).get("ips")
    asked = (
        [args["IP"]] if "IP" in args else (config.get("runtimeConfig") or {}).get("ips") or conventions or []
    )
    try:
        return tuple(ip_interface(text).ip for text in asked)
    except ValueError as error:
        raise ConfigInvalid("ips: not an address", str(error)) from error


def valid_attachments(config: Json) -> frozenset[str]:
    """What GC must leave, as the ledger calls it. Raises ConfigInvalid.

    No list means that nothing is in use, as libcni's GC without arguments has it. libcni before 1.3 says
    ``cni.dev/attachments``.
    """
    valid = config.get("cni.dev/valid-attachments", config.get("cni.dev/attachments"))
    if not isinstance(valid, list | None):
        raise ConfigInvalid("cni.dev/valid-attachments: a list of what is in use is needed")
    try:
        return frozenset(attachment_key(each["containerID"], each["ifname"]) for each in valid or ())
    except (KeyError, TypeError) as error:
        raise ConfigInvalid(
            "cni.dev/valid-attachments: each needs containerID and ifname", str(error)
        ) from error


def same_addresses(config: Json, held: Any) -> None:
    """CHECK: what ADD had said is what is held. Raises ConfigInvalid, AttachmentWrong."""
    previous = config.get("prevResult")
    if not isinstance(previous, Mapping):
        raise ConfigInvalid("prevResult: CHECK needs the result of ADD")
    said = {ip_address(str(each.get("address", "")).partition("/")[0]) for each in previous.get("ips", ())}
    lost = [str(address) for address in held.addresses if address not in said]
    if lost:
        raise AttachmentWrong(f"{held.label}: holds {', '.join(lost)}, which prevResult does not have")


def _say(document: Json) -> None:
    json.dump(document, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    sys.exit(main())
