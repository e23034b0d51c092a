"""What the kernel refused over rtnetlink, as our errors."""

import errno
import os

from dataplane.errors import KernelError, LinkError, LinkExists, NotSupported


def as_kernel_error(where: str, what: str, number: int, text: str) -> KernelError:
    """An errno of rtnetlink, with the kernel's own sentence, as our error."""
    name = errno.errorcode.get(number, str(number))
    kernel = f"{name}: {text or os.strerror(number)}"
    if number == errno.EEXIST:
        return LinkExists(where, what, kernel)
    if number in {errno.EOPNOTSUPP, errno.EAFNOSUPPORT}:
        return NotSupported(where, what, kernel, "podwire doctor tells what this kernel lacks")
    if number in {errno.EPERM, errno.EACCES}:
        return LinkError(where, what, kernel, "run as root")
    return LinkError(where, what, kernel)
