"""pyroute2's exceptions leave by one door, as ours."""

import errno
import inspect

import pytest
from pyroute2.netlink import exceptions

from dataplane.errors import KernelError, LinkError, LinkExists, NotSupported
from dataplane.netlink.refusal import as_kernel_error
from dataplane.netlink.socket import _door

FOREIGN = [
    each
    for _, each in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(each, Exception) and each.__module__ == exceptions.__name__
]
NEVER_RAISED = {"ChaoticException"}  # of pyroute2's own tests


def made(kind: type[Exception]) -> Exception:
    """An instance, whatever its constructor asks for."""
    for arguments in ((17, "File exists"), (OSError(5, "why"),), ()):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise AssertionError(f"no way to make {kind}")


@pytest.mark.parametrize(
    "kind", [k for k in FOREIGN if k.__name__ not in NEVER_RAISED], ids=lambda k: k.__name__
)
def test_every_exception_of_pyroute2_becomes_ours_and_is_kept_as_its_cause(kind):
    foreign = made(kind)

    with pytest.raises(KernelError) as ours, _door("node-1", "make link cni0"):
        raise foreign

    assert ours.value.__cause__ is foreign
    assert ours.value.where == "node-1"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EEXIST, LinkExists),
        (errno.EOPNOTSUPP, NotSupported),
        (errno.EAFNOSUPPORT, NotSupported),
        (errno.EPERM, LinkError),
        (errno.EINVAL, LinkError),
        (0, LinkError),
    ],
)
def test_the_kernels_number_chooses_the_error_and_its_sentence_is_kept(number, kind):
    ours = as_kernel_error("node-1", "route to 10.0.0.0/8", number, "Nexthop has invalid gateway")

    assert type(ours) is kind
    assert "Nexthop has invalid gateway" in str(ours)


def test_without_root_the_mend_is_to_be_root():
    assert as_kernel_error("node-1", "make link", errno.EPERM, "").mend == "run as root"
