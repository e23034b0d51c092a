"""podwire: a packet-level Kubernetes network emulator. The only name that users import."""

__version__ = "0.1.0"


def main() -> None:
    """Console entry point."""
    try:
        from control.cli.main import main as run

        run()
    except KeyboardInterrupt:  # while it was still importing
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
