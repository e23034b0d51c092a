"""README's lines, as typed, by an ordinary user with sudo whose home nobody else can enter.

It replaces `podwire` on PATH for a while and uses the labs `try` and `lab`, as the README does: in CI always, elsewhere
with `scripts/test --all`, and never where labs of those names are running.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LABS = Path("/var/lib/podwire")
LINK = Path("/usr/local/bin/podwire")

# What tells this machine's package clients where to go; a person's machine has it in its own configuration.
_MACHINE = re.compile(r"^(PIP_\w+|\w+_proxy|\w+_PROXY|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)$")

pytestmark = [
    pytest.mark.root,
    *([] if os.environ.get("CI") else [pytest.mark.slow]),
    pytest.mark.timeout(600),
]


def commands(heading: str | None) -> list[str]:
    """The command lines of README's first code block, or of the first one under a heading; comments cut off."""
    text = (ROOT / "README.md").read_text()
    if heading is not None:
        text = text.partition(f"## {heading}\n")[2]
    block = re.search(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert block is not None, heading
    return [line.split(" #")[0].strip() for line in block[1].splitlines() if line.strip()]


class Person:
    """An ordinary user of this machine; what they type runs in their login shell, in their checkout."""

    def __init__(self, name: str, checkout: Path) -> None:
        self.name, self.checkout = name, checkout

    def types(self, line: str, timeout_s: float = 300.0) -> str:
        """What the terminal shows, errors included; AssertionError when the command fails."""
        done = subprocess.run(
            ["runuser", "-l", self.name, "-c", f"cd {self.checkout} && {line}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"$ {line}\n{done.stdout}\nexit {done.returncode}"
        return done.stdout


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A user who may use sudo, with a checkout in a home of mode 0700; both are gone afterwards."""
    if any((LABS / name).exists() for name in ("try", "lab")):
        pytest.skip("labs `try` or `lab` are there, which README's lines would touch")
    if shutil.which("sudo") is None:
        apt = [
            "apt-get",
            "-o",
            "DPkg::Lock::Timeout=600",
            "-yq",
            "--no-install-recommends",
            "install",
            "sudo",
        ]
        subprocess.run(apt, check=True, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    name = f"podwire-t{os.getpid():x}"
    home = Path("/home") / name
    sudoers = Path("/etc/sudoers.d") / name
    link_before = LINK.readlink() if LINK.is_symlink() else None
    machine = {key: value for key, value in os.environ.items() if _MACHINE.match(key)}
    try:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
        home.chmod(0o700)
        exports = "".join(f"export {key}='{value}'\n" for key, value in machine.items())
        (home / ".profile").write_text(exports)
        keep = f'Defaults:{name} env_keep += "{" ".join(machine)}"\n' if machine else ""
        sudoers.write_text(f"{keep}{name} ALL=(ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        copy = f"git -C {ROOT} -c safe.directory=* ls-files -coz --exclude-standard | tar -C {ROOT} --null -T - -c"
        checkout = home / "podwire"
        checkout.mkdir()
        subprocess.run(f"{copy} | tar -x -C {checkout}", shell=True, check=True)
        subprocess.run(["chown", "-R", f"{name}:", home], check=True)
        yield Person(name, checkout)
    finally:
        for lab in ("try", "lab"):
            if (LABS / lab).exists():
                subprocess.run([ROOT / "scripts/podwire", "down", "--name", lab], check=False)
        sudoers.unlink(missing_ok=True)
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)
        LINK.unlink(missing_ok=True)
        if link_before is not None:
            LINK.symlink_to(link_before)


def test_the_first_command_shows_who_reaches_whom_and_leaves_a_lab_that_the_user_owns(person: Person):
    (line,) = [line for line in commands(None) if line.startswith("sudo scripts/try")]
    shown = person.types(line)
    assert "storefront" in shown
    assert "podwire down --name try" in shown
    deployments = person.types("podwire kubectl --name try -n shop get deployments --no-headers")
    assert len(deployments.splitlines()) == 6
    person.types("sudo podwire down --name try")


def test_the_first_five_minutes_as_typed(person: Person):
    for line in commands("The first five minutes"):
        person.types(line)
    assert not (LABS / "lab").exists()


def test_nothing_of_roots_is_left_in_the_checkout(person: Person):
    person.types("sudo scripts/setup --remove")
    roots = person.types("find . -user root")
    assert roots == ""
    person.types("rm -rf ~/podwire/* ~/podwire/.[a-z]*")
