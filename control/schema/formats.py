"""Names, labels, ports, addresses: upstream's checks of a text. Each gives what is wrong; empty when right."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_RE = re.compile(_SUBDOMAIN)
_DNS1035_RE = re.compile("[a-z]([-a-z0-9]*[a-z0-9])?")
_WILDCARD_RE = re.compile(rf"\*\.{_SUBDOMAIN}")
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_QUALIFIED_RE = re.compile(_QUALIFIED)
_VALUE_RE = re.compile(f"({_QUALIFIED})?")
_ENV_RE = re.compile("[ -<>-~]+")  # printable ASCII but "="
_KEY_RE = re.compile("[-._a-zA-Z0-9]+")
_PORT_NAME_RE = re.compile("[-a-z0-9]+")
_C_NAME_RE = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_HEADER_RE = re.compile("[-A-Za-z0-9]+")

SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SEARCH_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"
)
_SEARCH_RE = re.compile(r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*")
_DNS1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for "
    "validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_WILDCARD_WORDS = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist "
    "of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. "
    r"'*.example.com', regex used for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_ENV_WORDS = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_HEADER_WORDS = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    "validation is '[-A-Za-z0-9]+')"
)


def too_long(limit: int, *, unit: str = "characters") -> str:
    """Upstream's words for a text that is too long; labels count bytes, names characters."""
    return f"must be no more than {limit} {unit}"


@lru_cache(maxsize=8192)
def subdomain(name: str) -> tuple[str, ...]:
    """RFC 1123 subdomain: most objects' names."""
    wrong = () if len(name) <= 253 else (too_long(253),)
    return wrong if _SUBDOMAIN_RE.fullmatch(name) else (*wrong, SUBDOMAIN_WORDS)


@lru_cache(maxsize=8192)
def label(name: str) -> tuple[str, ...]:
    """RFC 1123 label: namespaces, containers."""
    wrong = () if len(name) <= 63 else (too_long(63),)
    if _LABEL_RE.fullmatch(name):
        return wrong
    return (*wrong, "must not contain dots" if _SUBDOMAIN_RE.fullmatch(name) else LABEL_WORDS)


def dns1035(name: str) -> tuple[str, ...]:
    """DNS-1035 label: services."""
    wrong = () if len(name) <= 63 else (too_long(63),)
    return wrong if _DNS1035_RE.fullmatch(name) else (*wrong, _DNS1035_WORDS)


def wildcard(name: str) -> tuple[str, ...]:
    """``*.`` and a subdomain: an Ingress' host."""
    wrong = () if len(name) <= 253 else (too_long(253),)
    return wrong if _WILDCARD_RE.fullmatch(name) else (*wrong, _WILDCARD_WORDS)


@lru_cache(maxsize=8192)
def qualified_name(key: str) -> tuple[str, ...]:
    """``[prefix/]name``: keys of labels, annotations, resources."""
    prefix, slash, name = key.rpartition("/")
    if key.count("/") > 1:
        return (
            f"a valid label key {_QUALIFIED_WORDS} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')",
        )
    wrong: list[str] = []
    if slash and not prefix:
        wrong.append("prefix part must be non-empty")
    elif slash:
        wrong += ["prefix part " + said for said in subdomain(prefix)]
    if not name:
        wrong.append("name part must be non-empty")
    elif len(name) > 63:
        wrong.append("name part " + too_long(63, unit="bytes"))
    if not _QUALIFIED_RE.fullmatch(name):
        wrong.append("name part " + _QUALIFIED_WORDS)
    return tuple(wrong)


@lru_cache(maxsize=8192)
def label_value(value: str) -> tuple[str, ...]:
    """A label's value."""
    wrong = () if len(value) <= 63 else (too_long(63, unit="bytes"),)
    return wrong if _VALUE_RE.fullmatch(value) else (*wrong, _VALUE_WORDS)


def search_domain(name: str) -> tuple[str, ...]:
    """A subdomain that may have underscores: DNS search paths."""
    wrong = () if len(name) <= 253 else (too_long(253),)
    return wrong if _SEARCH_RE.fullmatch(name) else (*wrong, _SEARCH_WORDS)


def path_segment(name: str) -> tuple[str, ...]:
    """What may stand between two slashes: RBAC names."""
    if name in (".", ".."):
        return (f"may not be '{name}'",)
    return tuple(f"may not contain '{part}'" for part in ("/", "%") if part in name)


@lru_cache(maxsize=4096)
def env_name(name: str) -> tuple[str, ...]:
    """An environment variable's name."""
    return () if _ENV_RE.fullmatch(name) else (_ENV_WORDS,)


def config_key(key: str) -> tuple[str, ...]:
    """A key of a ConfigMap or a Secret."""
    wrong = [] if len(key) <= 253 else [too_long(253)]
    if not _KEY_RE.fullmatch(key):
        wrong.append(_KEY_WORDS)
    if key in (".", ".."):
        wrong.append(f"must not be '{key}'")
    elif key.startswith(".."):
        wrong.append("must not start with '..'")
    return tuple(wrong)


def header_name(name: str) -> tuple[str, ...]:
    """An HTTP header's name."""
    return () if _HEADER_RE.fullmatch(name) else (_HEADER_WORDS,)


def port_number(port: int) -> tuple[str, ...]:
    """1 to 65535."""
    return () if 1 <= port <= 65535 else ("must be between 1 and 65535, inclusive",)


@lru_cache(maxsize=1024)
def port_name(name: str) -> tuple[str, ...]:
    """A container port's name, an IANA service name."""
    wrong = [] if len(name) <= 15 else [too_long(15)]
    if not _PORT_NAME_RE.fullmatch(name):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= letter <= "z" for letter in name):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in name:
        wrong.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return tuple(wrong)


def address(text: Any) -> IPv4Address | IPv6Address | None:
    """The address, or None: no zone, no leading zeros."""
    try:
        return None if "%" in str(text) else ip_address(str(text))
    except ValueError:
        return None


def network(text: Any) -> IPv4Network | IPv6Network | None:
    """The CIDR block, or None; host bits may be set."""
    if "/" not in str(text) or "%" in str(text):
        return None
    base, _, bits = str(text).partition("/")
    if not bits.isdigit() or (len(bits) > 1 and bits[0] == "0") or address(base) is None:
        return None
    try:
        return ip_network(str(text), strict=False)
    except ValueError:
        return None


ADDRESS_WORDS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
CIDR_WORDS = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
