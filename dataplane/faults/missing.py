"""What a kernel lacks for faults. Apart from the rest, so that `up` can ask before it loads anything else."""

from dataplane.errors import NoNetem


def no_netem() -> NoNetem:
    """The error of a kernel that can't delay packets."""
    return NoNetem(
        "this kernel",
        "can't delay packets: it has no sch_netem",
        mend="sudo modprobe sch_netem, or a kernel with CONFIG_NET_SCH_NETEM (Debian's and Ubuntu's have it)",
    )
