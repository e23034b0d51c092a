"""Go programs as tests build them: modules by name, from the module's go.mod and go.sum beside the source."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.absent import absent


def need_go() -> None:
    """Skip where Go's compiler is not; in CI its absence is a failure."""
    if shutil.which("go") is None:
        absent("needs Go's compiler")


def built(module: Path, output: Path, *what: str) -> Path:
    """The program (``go build -o OUTPUT .``), or the test binary of a package (what: test -c PACKAGE)."""
    need_go()
    words = what or ("build", ".")
    subprocess.run(["go", words[0], "-o", str(output), *words[1:]], cwd=module, check=True)
    return output


def folder(module: str) -> Path:
    """Where ``MODULE@VERSION`` is unpacked, for the files in it; downloaded at the first time."""
    need_go()
    command = ["go", "mod", "download", "-json", module]
    done = subprocess.run(command, cwd="/", check=False, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert "Error" not in told, told["Error"]
    return Path(told["Dir"])
