"""What a policy must not be fooled by: fragments, extension headers, translation, forged sources, priorities."""

import socket
import struct

import pytest

pytestmark = pytest.mark.root

WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
API = {"matchLabels": {"app": "api"}}
PADDED = bytes([0, 0, 1, 4, 0, 0, 0, 0])
"""An IPv6 options header of eight bytes that holds one PadN (RFC 8200, section 4.2)."""
HOP_OPTIONS, DESTINATION_OPTIONS = 54, 59  # IPV6_HOPOPTS, IPV6_DSTOPTS of linux/in6.h
SO_PRIORITY = 12


@pytest.fixture
def shop(node):
    """web may reach api on 80/TCP and 80/UDP, nothing else; api is isolated."""
    for number, app in enumerate(("web", "api", "db"), start=2):
        node.pod(app, number, app=app, listens=(80, 8080))
    ports = [{"port": 80}, {"port": 80, "protocol": "UDP"}]
    node.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": ports}]})
    node.judge()
    return node


def hears(shop, source, to, address, port, data):
    """A datagram from one pod arrives whole at another."""
    family = socket.AF_INET6 if ":" in str(address) else socket.AF_INET
    with shop.maker(to.netns).socket(family, socket.SOCK_DGRAM) as ear:
        ear.bind(("", port))
        ear.settimeout(shop.patience_s)
        with shop.maker(source.netns).socket(family, socket.SOCK_DGRAM) as mouth:
            mouth.sendto(data, (str(address), port))
        try:
            return ear.recv(65535) == data
        except TimeoutError:
            return False


@pytest.mark.parametrize("family", [4, 6])
def test_a_datagram_in_fragments_is_judged_as_a_whole(shop, family):
    web, api, db = (shop.here[name] for name in ("web", "api", "db"))
    address = api.ip if family == 4 else api.ip6
    large = bytes(5000)
    assert hears(shop, web, api, address, 80, large)
    assert not hears(shop, web, api, address, 81, large)
    assert not hears(shop, db, api, address, 80, large)


def test_a_later_fragment_alone_does_not_slip_in(shop):
    web, api = shop.here["web"], shop.here["api"]
    with shop.maker(api.netns).socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as ear:
        ear.settimeout(shop.patience_s)
        with shop.maker(web.netns).socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as mouth:
            mouth.sendto(fragment(web.ip, api.ip, offset=185), (str(api.ip), 0))
            mouth.sendto(fragment(web.ip, api.ip, offset=0, port=81), (str(api.ip), 0))
        assert not [packet for packet in heard(ear) if packet[9] == 17], "a UDP fragment came through"


def heard(ear):
    """All that comes until nothing does."""
    while True:
        try:
            yield ear.recv(2000)
        except TimeoutError:
            return


def fragment(source, destination, *, offset, port=0):
    """An IPv4 UDP fragment, more to follow; offset in units of eight bytes."""
    payload = struct.pack(">HHHH", 5555, port, 2000, 0) + bytes(16)
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 77, 0x2000 | offset, 64, 17, 0, source.packed, destination.packed
    )  # fmt: skip
    return header + payload


@pytest.mark.parametrize("option", [HOP_OPTIONS, DESTINATION_OPTIONS])
def test_ipv6_extension_headers_hide_no_port(shop, option):
    web, api = shop.here["web"], shop.here["api"]
    assert connects(shop, web, api.ip6, 80, option)
    assert not connects(shop, web, api.ip6, 8080, option)
    assert not connects(shop, shop.here["db"], api.ip6, 80, option)


def connects(shop, source, address, port, option):
    with shop.maker(source.netns).socket(socket.AF_INET6, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.IPPROTO_IPV6, option, PADDED)
        client.settimeout(shop.patience_s)
        try:
            client.connect((str(address), port))
        except TimeoutError:
            return False
        return True


def test_a_priority_that_a_program_sets_is_not_an_identity(shop):
    db, api = shop.here["db"], shop.here["api"]
    web = shop.compiler.table().identities[shop.here["web"].ip].number
    with shop.maker(db.netns).socket(socket.AF_INET, socket.SOCK_STREAM) as client:
        client.setsockopt(socket.SOL_SOCKET, SO_PRIORITY, 0x10000 + web)
        client.settimeout(shop.patience_s)
        with pytest.raises(TimeoutError):
            client.connect((str(api.ip), 80))


def services(shop, netns, chain, translated):
    """A Service by hand: translated on the way in, and masqueraded for hairpin and for who comes from outside."""
    shop.nft(
        f"""table inet svc {{
 chain door {{
  type nat hook {chain} priority -100
  {translated}
 }}
 chain back {{
  type nat hook postrouting priority 100
  ct status dnat ip saddr 203.0.113.0/24 masquerade
  ct status dnat ip saddr 10.244.1.2 ip daddr 10.244.1.2 masquerade
  ct status dnat ip6 saddr fd00:10:244:1::2 ip6 daddr fd00:10:244:1::2 masquerade
 }}
}}
""",
        netns,
    )


@pytest.mark.parametrize("address", ["10.96.0.50", "fd00:10:96::50"])
def test_a_pod_reaches_itself_through_its_service_whatever_the_policies(shop, address):
    to = "dnat ip to 10.244.1.2:8080" if "." in address else "dnat ip6 to [fd00:10:244:1::2]:8080"
    word = "ip" if "." in address else "ip6"
    services(shop, shop.netns, "prerouting", f"{word} daddr {address} tcp dport 80 {to}")
    shop.policy("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    shop.judge()
    assert shop.opens(shop.here["web"], address, 80)
    assert not shop.opens(shop.here["db"], address, 80), "somebody else does not"


def test_at_the_first_node_a_node_ports_client_is_itself(shop):
    services(shop, shop.netns, "prerouting", "ip daddr 10.0.1.10 tcp dport 30080 dnat ip to 10.244.1.2:80")
    block = {"ipBlock": {"cidr": "203.0.113.7/32"}}
    shop.policy("web", {"podSelector": WEB["podSelector"], "ingress": [{"from": [block]}]})
    shop.judge()
    assert shop.opens(shop.outside, "10.0.1.10", 30080, by="203.0.113.7")
    assert not shop.opens(shop.outside, "10.0.1.10", 30080, by="203.0.113.8")


def test_at_the_second_node_a_node_ports_client_is_the_first_node(shop):
    services(shop, shop.outside, "output", "ip daddr 10.0.1.11 tcp dport 30080 dnat ip to 10.244.1.2:80")
    for cidr, passes in (("203.0.113.0/24", False), ("10.0.1.11/32", True)):
        rule = {"from": [{"ipBlock": {"cidr": cidr}}]}
        shop.policy("web", {"podSelector": WEB["podSelector"], "ingress": [rule]})
        shop.judge()
        assert shop.opens(shop.outside, "10.0.1.11", 30080, by="203.0.113.7") == passes


def test_the_answer_that_a_port_is_closed_comes_back(shop):
    web, api = shop.here["web"], shop.here["api"]
    with shop.maker(web.netns).socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(shop.patience_s)
        client.connect((str(api.ip), 80))
        client.send(b"?")
        with pytest.raises(ConnectionRefusedError):
            client.recv(9)


def test_echo_passes_by_rules_without_ports_only(shop):
    web, api = shop.here["web"], shop.here["api"]
    assert not pings(shop, web, api.ip)
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB]}]})
    shop.judge()
    assert pings(shop, web, api.ip)
    assert not pings(shop, shop.here["db"], api.ip)


def pings(shop, source, address):
    with shop.maker(source.netns).socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as ping:
        ping.settimeout(shop.patience_s)
        ping.sendto(struct.pack(">BBHHH", 8, 0, 0, 1, 1) + b"podwire!", (str(address), 0))
        try:
            return bool(ping.recv(100))
        except TimeoutError:
            return False


@pytest.mark.parametrize("address", ["10.244.1.2/24", "fd00:10:244:1::2/64"])
def test_another_pods_address_gets_nobody_anywhere(shop, address):
    """db takes web's address, which may reach api."""
    web, api, db = (shop.here[name] for name in ("web", "api", "db"))
    shop.ip("addr", "add", address, "dev", "eth0", *(("nodad",) if ":" in address else ()), netns=db.netns)
    stolen, to = (web.ip, api.ip) if "." in address else (web.ip6, api.ip6)
    before = forged(shop)
    assert not shop.opens(db, to, 80, by=str(stolen))
    assert forged(shop) > before, "dropped at its port"
    assert shop.opens(web, to, 80)


def test_another_pods_mac_and_a_false_arp_get_nowhere(shop):
    web, api, db = (shop.here[name] for name in ("web", "api", "db"))
    before = forged(shop)
    with shop.maker(db.netns).socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        arp = struct.pack(
            ">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, db.mac.packed, web.ip.packed, api.mac.packed, api.ip.packed
        )
        wire.send(api.mac.packed + db.mac.packed + b"\x08\x06" + arp)
    assert forged(shop) == before + 1
    shop.ip("link", "set", "eth0", "address", str(web.mac), netns=db.netns)
    assert not shop.opens(db, api.ip, 8080)
    assert forged(shop) > before + 1


def forged(shop):
    """Packets that the guard dropped so far."""
    import re

    listed = shop.nft("list table bridge podwire-guard")
    return sum(int(count) for count in re.findall(r"counter packets (\d+)", listed))
