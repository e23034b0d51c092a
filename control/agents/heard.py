"""What a pod's verdicts must know of before its first packet: all that the API acknowledged before the pod.

Pods, namespaces and policies come by watches of their own, of which one may be behind or broken. The API has one
revision counter: a policy that was acknowledged before the pod has a lower revision than the pod.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from control.client.informer import Informer

log = logging.getLogger(__name__)
PATIENCE_S: Final = 5.0


async def heard_before(pod: Mapping[str, Any], informers: Sequence[Informer], node: str) -> None:
    """Return once the informers have heard all that was before this version of the pod.

    While they have not, the pod has no network, however long it takes: it would pass packets that a policy
    forbids. Every few seconds that is logged.
    """
    meta = pod["metadata"]
    revision = int(meta.get("resourceVersion") or 0)
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(informer.heard(revision) for informer in informers))
        except TimeoutError:
            log.warning(
                "%s: pod %s/%s waits for its policies: the API's changes up to revision %d were not heard within %g s",
                node, meta.get("namespace"), meta.get("name"), revision, PATIENCE_S,
            )  # fmt: skip
        else:
            return
