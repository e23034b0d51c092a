"""The plugin in somebody else's test suite: there, and in nobody's way."""

import os
import subprocess
import sys
from pathlib import Path


def run_pytest(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest on one file in a folder of its own, with our plugin found by its entry point."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_theirs.py").write_text(test)
    command = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_suite_that_asks_for_nothing_imports_nothing_of_ours_but_the_plugin(tmp_path: Path):
    done = run_pytest(
        tmp_path,
        "import sys\n"
        "def test_theirs():\n"
        "    ours = [m for m in sys.modules if m.split('.')[0] in ('control', 'dataplane', 'cni', 'policy')]\n"
        "    assert sorted(ours) == ['control', 'control.testkit', 'control.testkit.plugin']\n"
        "    assert not {'scapy', 'aiohttp', 'pyroute2'} & set(sys.modules)\n",
    )
    assert done.returncode == 0, done.stdout


def test_its_fixtures_are_listed_with_what_they_give(tmp_path: Path):
    done = run_pytest(tmp_path, "", "--fixtures")
    assert "lab -- " in done.stdout
    assert "A real lab" in done.stdout or "The run's lab in a new namespace" in done.stdout


def test_a_lab_that_is_not_there_is_an_error_that_names_it(tmp_path: Path):
    done = run_pytest(tmp_path, "def test_theirs(lab):\n    pass\n", "--podwire-lab", "nosuchlab")
    assert done.returncode == 1
    assert "nosuchlab" in done.stdout


def test_it_claims_no_names_that_others_might_want():
    from control.testkit import plugin

    fixtures = {
        name for name, each in vars(plugin).items() if type(each).__name__ == "FixtureFunctionDefinition"
    }
    assert fixtures == {"lab", "_podwire_labs", "kube_api", "kube_api_nursery"}


def test_a_marker_with_a_word_that_means_nothing_is_an_error_that_lists_those_that_do(tmp_path: Path):
    test = "import pytest\n@pytest.mark.podwire(worker=3)\ndef test_theirs(lab):\n    pass\n"
    done = run_pytest(tmp_path, test, "--strict-markers")
    if os.geteuid() == 0:
        assert done.returncode == 1
        assert "no worker; it takes file, overlay, workers" in done.stdout
    else:
        assert "which takes root" in run_pytest(tmp_path, test, "-rs").stdout
