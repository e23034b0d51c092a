"""What an API alone is asked to be."""

from dataclasses import dataclass
from typing import Any, Final

from control.errors import AloneInvalid

NODES_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class AloneOptions:
    """controllers: run Kubernetes' controllers. nodes: how many pretended nodes are Ready, ``fake-1`` and so on.

    kubelet: the nodes' kubelets take pods to Running; without, a pod stays as it was made.
    The scheduler runs beside controllers, and wherever there are nodes.
    """

    controllers: bool = True
    nodes: int = 0
    kubelet: bool = True

    @property
    def scheduler(self) -> bool:
        """Whether pods are given nodes."""
        return self.controllers or self.nodes > 0

    @property
    def words(self) -> str:
        """For the line that says that it is ready."""
        nodes = f"{self.nodes} fake node{'s' if self.nodes > 1 else ''}" if self.nodes else "no nodes"
        return f"{'controllers' if self.controllers else 'no controllers'}, {nodes}"

    @staticmethod
    def of(
        *, controllers: Any = True, nodes: Any = None, kubelet: Any = None, **unknown: Any
    ) -> "AloneOptions":
        """From a test's marker: a kubelet that is asked for has a node. Raises AloneInvalid."""
        mend = "@pytest.mark.kube_api(controllers=True, nodes=2, kubelet=True)"
        if unknown:
            raise AloneInvalid(f"kube_api knows no {', '.join(sorted(unknown))}.", mend)
        for name, value in (("controllers", controllers), ("kubelet", kubelet)):
            if value is not None and not isinstance(value, bool):
                raise AloneInvalid(f"kube_api: {name} is {value!r}, and must be True or False.", mend)
        if nodes is None:
            nodes = 1 if kubelet else 0
        if isinstance(nodes, bool) or not isinstance(nodes, int) or not 0 <= nodes <= NODES_MOST:
            raise AloneInvalid(
                f"kube_api: nodes is {nodes!r}, and must be a number from 0 to {NODES_MOST}.", mend
            )
        if kubelet and not nodes:
            raise AloneInvalid("kube_api: kubelet=True needs a node to run on.", mend)
        return AloneOptions(bool(controllers), nodes, kubelet is not False)
