"""What a person sees and breaks in a lab, by the command line's words: map, verify, capture, fault."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from control.client.client import ApiClient
from control.explain.chart import svg
from control.explain.gather import gather
from control.explain.glance import Namer
from control.explain.places import spots_of
from control.explain.run import TraceReport
from control.explain.survey import survey, way_of
from control.lab import fault_book
from control.lab.directory import LabDirectory
from control.lab.fault import Fault, rate_of
from control.lab.fault_plan import Ground
from control.lab.plan import LabPlan
from control.lab.ready import loopback_tls
from control.lab.up import stored_plan
from control.testkit.aside import aside
from control.testkit.place import Place, Pod
from control.verify.report import VerifyReport
from control.verify.run import VerifyOptions, run_verify
from dataplane.observe.bpf_filter import compile_filter
from dataplane.observe.capture import capture
from dataplane.observe.recorder import Count, Limits, Recorder

_BEGIN_S = 10.0
Where = Place | str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as SVG text; a notebook shows it."""

    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def write(self, path: str | Path) -> None:
        """Into a file."""
        Path(path).write_text(self.svg, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault in force; as a context it is healed at the block's end."""

    id: str
    fault: Fault
    directory: LabDirectory = field(repr=False)

    def heal(self) -> None:
        """End it; it may have ended already."""

        def end() -> None:
            with self.directory.locked("fault heal"):
                if self.id in [entry.id for entry in fault_book.recorded(self.directory)]:
                    fault_book.heal_places(self.directory, [self.id])

        aside(end)

    def __enter__(self) -> "Broken":
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()


@dataclass(slots=True)
class Captured:
    """A capture. path: of the pcapng file. counts: by place, once the block is over."""

    path: Path
    counts: Sequence[Count] = ()


class Insight:
    """A part of ``Lab``."""

    plan: LabPlan
    directory: LabDirectory
    namespace: str

    def map(self, way: TraceReport | None = None) -> Picture:
        """The lab as a picture, links with their state as the kernel has it; way: a trace drawn over it."""

        def draw() -> Picture:
            atlas = gather(self.directory)
            return Picture(svg(survey(atlas), way_of(way, atlas) if way is not None else None))

        return aside(draw)

    def _repr_svg_(self) -> str:
        """In a notebook a lab shows itself."""
        return self.map().svg

    def fault(
        self, kind: str, *places: Where, percent: float = 0, rate: str = "", ms: float = 0, jitter: float = 0
    ) -> Broken:
        """Break something: ``cut``, ``lose``, ``delay``, ``throttle`` or ``pause``, as `podwire fault` does.

        ``with lab.fault("lose", ann, shop, percent=5): …``. Raises FaultInvalid, NoSuchPlace, NoNetem.
        """
        asked = Fault(
            kind, tuple(map(_name, places)), percent, rate_of(rate) if rate else 0, float(ms), float(jitter)
        )

        def make() -> Broken:
            plan, port = stored_plan(self.directory)
            with self.directory.locked("fault"):
                entry = fault_book.make(asked, Ground(plan, self.directory, port))
            return Broken(entry.id, entry.fault, self.directory)

        return aside(make)

    def verify(self, *namespaces: str, internet: bool = True) -> VerifyReport:
        """Real connections between all workloads (of these namespaces), beside what the policies say."""
        plan, port = stored_plan(self.directory)
        options = VerifyOptions(
            plan.name, namespaces, internet, plan.spec.cluster_domain, tunnel=plan.spec.overlay == "vxlan"
        )

        async def ask() -> VerifyReport:
            tls = loopback_tls(self.directory)
            async with ApiClient(f"https://127.0.0.1:{port}", tls, user_agent="podwire") as client:
                return await run_verify(client, options)

        return aside(lambda: asyncio.run(ask()))

    @contextmanager
    def capture(self, *where: Where, to: str | Path, filter: str = "") -> Iterator[Captured]:  # noqa: A002 (tcpdump's word)
        """Capture at these places for the block, in one pcapng file. where: as of `podwire capture`, or places.

        Raises NoSuchPlace, FilterInvalid.
        """
        atlas = aside(lambda: gather(self.directory))
        spots = spots_of(atlas, [_name(each) for each in where], self.namespace)
        namer, made = Namer(atlas), Captured(Path(to))
        program = compile_filter(filter) if filter else None
        recorder = Recorder(Path(to), spots, namer.all(), namer.comment, Limits(), program)
        stop, begun = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), threading.Event()
        failed: list[BaseException] = []

        def listen() -> None:
            try:
                made.counts = capture(recorder, stop, begun=begun.set)
            except BaseException as error:  # noqa: BLE001 (the border of a thread: raised again in the caller's)
                failed.append(error)
                begun.set()

        thread = threading.Thread(target=listen, name="podwire-capture")
        thread.start()
        try:
            begun.wait(_BEGIN_S)
            if not failed:
                yield made
        finally:
            os.eventfd_write(stop, 1)
            thread.join()
            os.close(stop)
        if failed:
            raise failed[0]


def _name(place: Where) -> str:
    """As the command line would call it."""
    if isinstance(place, Pod):
        return f"{place.namespace}/{place.name}"
    return place.name if isinstance(place, Place) else place
