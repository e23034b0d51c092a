"""Rules about the tree itself: sizes, names, links, and the table in docs/where.md.

`python -m scripts.tree` prints what is wrong and exits 1; with `--add-rows` it writes a row for each module
that has none, from the first line of its docstring, to be edited by a person.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dataplane", "policy", "cni", "control")
WHERE = ROOT / "docs" / "where.md"

ASKS_LINES, FAILS_LINES = 300, 450
CELLARS = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})

_ROW = re.compile(r"^\| (?P<change>[^|]+) \| `(?P<module>[\w/.]+)`", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def modules() -> list[Path]:
    """Every module of ours that has something in it, relative to the checkout."""
    found = [
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"
    ]
    return sorted(path.relative_to(ROOT) for path in [*found, ROOT / "podwire.py"])


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


def rows() -> dict[str, str]:
    """docs/where.md as module → what one changes there."""
    if not WHERE.exists():
        return {}
    return {match["module"]: match["change"].strip() for match in _ROW.finditer(WHERE.read_text())}


def without_row() -> list[Path]:
    """Modules that docs/where.md does not know."""
    known = rows()
    return [path for path in modules() if str(path) not in known]


def without_module() -> list[str]:
    """Rows of docs/where.md that name no module."""
    there = {str(path) for path in modules()}
    return sorted(set(rows()) - there)


def add_rows() -> int:
    """Gives each module without a row one from its docstring, in its package's table; returns how many."""
    missing = without_row()
    lines = [
        line
        for line in WHERE.read_text().splitlines()
        if not any(f"`{gone}`" in line for gone in without_module())
    ]
    for path in missing:
        row = f"| {_first_line(path)} | `{path}` |"
        package = path.parts[0] if len(path.parts) > 1 else "control"
        heading = next(i for i, line in enumerate(lines) if line.startswith(f"## {package}"))
        end = next((i for i in range(heading + 1, len(lines)) if lines[i].startswith("## ")), len(lines))
        table = [i for i in range(heading, end) if lines[i].startswith("|")]
        later = [i for i in table[2:] if (match := _ROW.match(lines[i])) and match["module"] > str(path)]
        lines.insert(later[0] if later else table[-1] + 1, row)
    WHERE.write_text("\n".join(lines) + "\n")
    return len(missing)


def _first_line(path: Path) -> str:
    doc = ast.get_docstring(ast.parse((ROOT / path).read_text())) or path.stem
    return doc.splitlines()[0].rstrip(".").replace("|", "/")


def main() -> int:
    """Prints every breach; 0 when there is none."""
    if "--add-rows" in sys.argv:
        print(f"docs/where.md: {add_rows()} rows added")
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
