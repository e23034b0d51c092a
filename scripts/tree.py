"""Rules about the tree itself: sizes, names, links, and the table in docs/where.md.

`python -m scripts.tree` prints what is wrong and exits 1; with `--add-rows` it writes a row for each module
that has none, from the first line of its docstring, to be edited by a person.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dataplane", "policy", "cni", "control")
WHERE = ROOT / "docs" / "where.md"

ASKS_LINES, FAILS_LINES = 300, 450
CELLARS = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})

_ROOMS = "\n## The rooms, module by module\n"
_MODULE = re.compile(r"`([\w/]+\.py)`")
_ROW = re.compile(r"^\| (?P<change>[^|]+) \| `(?P<module>[\w/.]+)`", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def modules() -> list[Path]:
    """Every module of ours that has something in it, relative to the checkout; those that git knows, if it does."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = {path.relative_to(ROOT) for path in [*found, ROOT / "podwire.py"] if path.name != "__init__.py"}
    return sorted(names & tracked if (tracked := _tracked()) else names)


def _tracked() -> set[Path]:
    """What git tracks; nothing where this is no checkout, or git is not there or not willing."""
    if not (ROOT / ".git").exists():
        return set()
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--", "*.py"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return {Path(name) for name in listed.stdout.split("\0") if name}


def pages() -> list[Path]:
    """Every page of documentation, relative to the checkout."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    return sorted(path.relative_to(ROOT) for path in found)


def too_long(limit: int = FAILS_LINES) -> list[tuple[Path, int]]:
    """Modules of more lines than `limit`, tests included. Tables of facts stand in data files, uncounted."""
    tests = [path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py")]
    scripts = [path.relative_to(ROOT) for path in (ROOT / "scripts").glob("*.py")]
    lengths = ((path, len((ROOT / path).read_text().splitlines())) for path in [*modules(), *tests, *scripts])
    return sorted((path, lines) for path, lines in lengths if lines > limit)


def cellars() -> list[Path]:
    """Modules and folders whose name says nothing about what is in them."""
    return [path for path in modules() if CELLARS & {*path.parent.parts, path.stem}]


def dead_links() -> list[tuple[Path, str]]:
    """Links in our pages that lead nowhere: to no file, or to a heading that its page lacks."""
    dead = []
    for page in pages():
        text = _FENCE.sub("", (ROOT / page).read_text())
        for target in (match["target"] for match in _LINK.finditer(text)):
            if "://" in target or target.startswith("mailto:"):
                continue
            name, _, heading = target.partition("#")
            file = (ROOT / page).parent / name if name else ROOT / page
            if not file.exists() or (heading and file.suffix == ".md" and heading not in set(_anchors(file))):
                dead.append((page, target))
    return dead


def _anchors(page: Path) -> Iterator[str]:
    for line in _FENCE.sub("", page.read_text()).splitlines():
        if line.startswith("#"):
            yield re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")


def unlisted() -> list[Path]:
    """Pages under docs/ that no other page links to."""
    linked = {
        ((ROOT / page).parent / match["target"].partition("#")[0]).resolve()
        for page in pages()
        for match in _LINK.finditer(_FENCE.sub("", (ROOT / page).read_text()))
    }
    return [page for page in pages() if page.parts[0] == "docs" and (ROOT / page).resolve() not in linked]


def rows() -> dict[str, str]:
    """docs/where.md's rooms as module → what one changes there."""
    if not WHERE.exists():
        return {}
    _, _, rooms = WHERE.read_text().partition(_ROOMS)
    return {match["module"]: match["change"].strip() for match in _ROW.finditer(rooms)}


def without_row() -> list[Path]:
    """Modules that docs/where.md does not know."""
    known = rows()
    return [path for path in modules() if str(path) not in known]


def without_module() -> list[str]:
    """Modules that docs/where.md names, in a row or in a wish, and that are not there."""
    named = set(_MODULE.findall(WHERE.read_text())) if WHERE.exists() else set()
    return sorted(name for name in named if not (ROOT / name).is_file())


def write_rows() -> int:
    """Writes the rooms anew: rows that are there keep their words, others get their module's first line.

    Returns how many are new. What stands above the rooms is a person's, and stays.
    """
    above, _, _ = WHERE.read_text().partition(_ROOMS)
    known, missing = rows(), without_row()
    lines = [_ROOMS.strip(), ""]
    room = None
    for path in modules():
        if path.parent != room:
            room = path.parent
            lines += ["", f"### {room if room.parts else 'the front door'}", ""]
            if (about := _about(room)) is not None:
                lines += [about, ""]
            lines += ["| I want to change … | module |", "|---|---|"]
        lines.append(f"| {known.get(str(path)) or _first_line(path)} | `{path}` |")
    WHERE.write_text(above.rstrip() + "\n\n" + "\n".join(lines) + "\n")
    return len(missing)


def _first_line(path: Path) -> str:
    doc = ast.get_docstring(ast.parse((ROOT / path).read_text())) or path.stem
    return doc.splitlines()[0].rstrip(".").replace("|", "/").replace("``", "`")


def _about(room: Path) -> str | None:
    """The first paragraph of a package's docstring."""
    init = ROOT / room / "__init__.py"
    if not room.parts or not init.exists():
        return None
    doc = ast.get_docstring(ast.parse(init.read_text()))
    return doc.split("\n\n")[0].replace("\n", " ").replace("``", "`") if doc else None


def main() -> int:
    """Prints every breach; 0 when there is none."""
    if "--add-rows" in sys.argv:
        print(f"docs/where.md: {write_rows()} rows added")
        return 0
    for path, lines in too_long(ASKS_LINES):
        if lines <= FAILS_LINES:
            print(f"asks   {path}: {lines} lines; can it be two ideas?")
    breaches = [
        *(f"{path}: {lines} lines, more than {FAILS_LINES}" for path, lines in too_long()),
        *(f"{path}: a room without a name becomes a cellar: say what is in it" for path in cellars()),
        *(f"{page}: dead link {target}" for page, target in dead_links()),
        *(
            f"docs/where.md has no row for {path} (python -m scripts.tree --add-rows)"
            for path in without_row()
        ),
        *(f"docs/where.md has a row for {module}, which is not there" for module in without_module()),
    ]
    for breach in breaches:
        print(f"WRONG  {breach}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
