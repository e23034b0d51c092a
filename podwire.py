"""podwire: a packet-level Kubernetes network emulator. The only name that users import.

``with podwire.Lab(workers=2) as lab: …`` in scripts and notebooks; ``podwire`` on the command line.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from control.testkit.session import Lab

__all__ = ["Lab", "__version__", "main"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``Lab``, loaded when it is asked for: the command line does without it."""
    if name == "Lab":
        from control.testkit.session import Lab

        return Lab
    raise AttributeError(f"module 'podwire' has no attribute {name!r}")


def main() -> None:
    """Console entry point."""
    try:
        from control.cli.main import main as run

        run()
    except KeyboardInterrupt:  # while it was still importing
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
