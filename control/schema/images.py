"""Image references: host, name, tag, digest."""

import re

_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::([\w][\w.-]{0,127}))?"
    r"(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?"
)


def tag(image: str) -> str:
    """The tag, ``latest`` when there is neither tag nor digest; empty with a digest, or for what is no image.

    >>> tag("nginx"), tag("host:5000/a/b:v1"), tag("Not An Image")
    ('latest', 'v1', '')
    """
    match = _REFERENCE.fullmatch(image)
    if match is None:
        return ""
    return match.group(1) or ("" if match.group(2) else "latest")
