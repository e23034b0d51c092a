"""Builds the wheel, installs it into an empty environment outside the checkout, and uses it from there.

What only works from a checkout (a data file that was left out, an import of tests) shows here.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_DATA = """
import importlib.metadata, pathlib, sys
import control, dataplane, policy, cni, podwire
outside = [p.__name__ for p in (control, dataplane, policy, cni) if not p.__file__.startswith(sys.prefix)]
assert not outside, f"imported from elsewhere: {outside}"
files = importlib.metadata.files("podwire")
tops = {file.parts[0] for file in files if not file.parts[0].startswith(("podwire", "..", "__pycache__"))}
assert tops == {"control", "dataplane", "policy", "cni"}, f"ships {tops}"
missing = [str(f) for f in files if not f.locate().exists()]
assert not missing, missing
from control.schema.resource import registry
rows = registry().rows
assert len(rows) > 20, len(rows)
import os
from dataplane.ebpf.drops import DropWatch
if os.geteuid() == 0:
    with DropWatch() as watch:
        why = watch.why_missing()
    assert "Failed to compile" not in why, why
    print(f"drops: {why or 'told by the kernel'}")
print(f"data files: {len(rows)} resources in the registry")
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a command, showing it; its failure ends us."""
    words = [str(word) for word in command]
    shown = " ".join(word if "\n" not in word else "…" for word in words)
    print(f"  $ {shown}", flush=True)
    subprocess.run(words, cwd=cwd, check=True)


def main() -> int:
    """0 when the wheel works."""
    with tempfile.TemporaryDirectory(prefix="podwire-wheel-") as text:
        place = Path(text)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT, cwd=place)
        (wheel,) = place.glob("*.whl")
        venv.create(place / "env", with_pip=True)
        python = place / "env" / "bin" / "python"
        pip = (
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-deps",
        )
        run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=place)
        run(*pip, wheel, cwd=place)
        run(python, "-I", "-c", _DATA, cwd=place)
        run(place / "env" / "bin" / "podwire", "--version", cwd=place)
        run(place / "env" / "bin" / "podwire", "--help", cwd=place)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        print(f"wheel: exit code {error.returncode}: {error.cmd[0]}")
        sys.exit(1)
