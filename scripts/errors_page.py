"""docs/errors.md from the errors themselves: each identity, what it says, the mend, where it is raised.

`python -m scripts.errors_page` writes the page; with `--verify` it only compares, and exits 1 when they
differ or when an identity is never raised.
"""

import ast
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache

from scripts.tree import ROOT, modules

PAGE = ROOT / "docs" / "errors.md"
MORE = ROOT / "docs" / "errors"

_ID = re.compile(r"PW-[A-Z]\d\d")
# Where the sentence and the mend stand among the arguments, for each tree of errors.
_ARGUMENTS = {"PersonError": (0, 1), "KernelError": (1, 3), "PolicyError": (2, 9), "CNIError": (1, 3)}
_LETTERS = {
    "K": "K: the kernel",
    "L": "L: the lab",
    "U": "U: use",
    "P": "P: policies",
    "N": "N: the pod network",
    "C": "C: containers",
    "A": "A: the API",
}


@dataclass(slots=True)
class Entry:
    """One identity: the classes that carry it, what it says when raised (what, mend), the modules that do."""

    id: str
    classes: dict[str, str] = field(default_factory=dict)
    sayings: list[tuple[str, str]] = field(default_factory=list)
    places: set[str] = field(default_factory=set)


def _text(node: ast.expr | None) -> str:
    """A literal or f-string as a person reads it, with the expressions of the latter in angle brackets."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(_text(value) for value in values)
        case ast.FormattedValue(value=value):
            return f"<{ast.unparse(value)}>"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.IfExp(body=body, orelse=orelse):
            return _text(body) or _text(orelse)
        case None:
            return ""
        case _:
            return f"<{ast.unparse(node)}>"


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def entries() -> dict[str, Entry]:
    """Every identity in the four packages."""
    found: dict[str, Entry] = defaultdict(lambda: Entry(""))
    trees = {path: _parsed((ROOT / path).read_text()) for path in modules()}
    bases: dict[str, set[str]] = defaultdict(set)
    owner: dict[str, str] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] |= {ast.unparse(base).rsplit(".", 1)[-1] for base in node.bases}
                if (own := _class_id(node)) is not None:
                    owner[node.name] = own
                    found[own].classes[node.name] = (ast.get_docstring(node) or "").splitlines()[0]
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node)
            ancestors = _ancestors(name, bases)
            if name in owner:
                _say(found[owner[name]], node, ancestors)
            for ancestor in ancestors & set(owner):
                found[owner[ancestor]].places.add(str(path))
    for identity, entry in found.items():
        entry.id = identity
    return dict(sorted(found.items()))


def _class_id(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="id")], value=ast.Constant(value=str(value))) if (
                _ID.fullmatch(value)
            ):
                return value
            case ast.AnnAssign(target=ast.Name(id="id"), value=ast.Constant(value=str(value))) if (
                _ID.fullmatch(value)
            ):
                return value
    return None


def _ancestors(name: str, bases: dict[str, set[str]]) -> set[str]:
    """A class and all that it inherits from: making one proves each of them raised."""
    seen: set[str] = set()
    queue = [name]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue.extend(bases.get(current, ()))
    return seen


def _say(entry: Entry, call: ast.Call, ancestors: set[str]) -> None:
    """Notes what an error says where it is made, and the mend; by its tree's order of arguments."""
    for base, (what_at, mend_at) in _ARGUMENTS.items():
        if base in ancestors:
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            what = _text(named.get("what") or _at(call.args, what_at))
            mend = _text(named.get("mend") or _at(call.args, mend_at))
            in_words = re.search(r"\w", re.sub(r"<[^<>]*>", "", what))
            if in_words and (what, mend) not in entry.sayings:
                entry.sayings.append((what, mend))


def _at(arguments: list[ast.expr], position: int) -> ast.expr | None:
    return arguments[position] if position < len(arguments) else None


def page() -> str:
    """The page's text."""
    lines = [
        "# Errors",
        "",
        "Every error that podwire shows has an identity that stays. This page is made from the source by",
        "`python -m scripts.errors_page`; words in `<angle brackets>` are filled in when it happens.",
    ]
    letter = ""
    for entry in entries().values():
        if entry.id[3] != letter:
            letter = entry.id[3]
            lines += ["", f"## {_LETTERS.get(letter, letter)}"]
        lines += ["", f"### {entry.id}", ""]
        lines += [f"{doc} (`{name}`)" for name, doc in sorted(entry.classes.items())]
        for what, mend in entry.sayings:
            lines += [f"- {what}" + (f"  \n  try: {mend}" if mend else "")]
        more = MORE / f"{entry.id.lower()}.md"
        if more.exists():
            lines += ["", more.read_text().strip()]
        lines += (
            ["", "Raised in " + ", ".join(f"`{place}`" for place in sorted(entry.places)) + "."]
            if entry.places
            else []
        )
    return "\n".join(lines) + "\n"


def never_raised() -> list[str]:
    """Identities that nothing raises."""
    return [identity for identity, entry in entries().items() if not entry.places]


def main() -> int:
    """0 when the page is as the source has it."""
    if "--verify" not in sys.argv:
        PAGE.write_text(page())
        print(f"{PAGE.relative_to(ROOT)}: {len(entries())} identities")
        return 0
    wrong = [f"{identity} is never raised" for identity in never_raised()]
    if not PAGE.exists() or PAGE.read_text() != page():
        wrong.append(f"{PAGE.relative_to(ROOT)} is stale: python -m scripts.errors_page")
    for line in wrong:
        print(f"WRONG  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
