"""Structure of an object: types and unknown fields are checked, and its JSON made canonical.

Canonical means as a Go client would have written it: nulls and empty optional values are gone, structs that
Go always writes are there (``status: {}``, a container's ``resources: {}``), quantities and times are in
their normal form. One compiled closure a message does that in a single pass; only when something is wrong
does a second walk (``inspect``) find the paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from control.errors import BadRequest
from control.schema.inspection import inspect, kinds
from control.schema.resource import ResourceRow
from control.schema.scalars import SCALARS, WRONG
from control.schema.tables import Field, Form, Message, Shape, message

Clean = Callable[[Any], bool]
_TEXT, _PLAIN, _SUB, _LIST, _MAP, _OFF = range(6)
_BLANK: dict[Form, Any] = {
    Form.STRING: "", Form.BOOL: False, Form.INT32: 0, Form.INT64: 0, Form.INT_OR_STRING: 0, Form.QUANTITY: "0",
}  # fmt: skip
"""Go's zero values, which a null in a list or map stands for."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with an object's structure."""

    kind: str = ""
    version: str = ""
    unknown: tuple[str, ...] = ()
    """Paths of fields that the kind does not have (already pruned), in order."""
    errors: tuple[str, ...] = ()
    """Values of the wrong type, each a sentence of upstream's decoder."""

    def warnings(self) -> list[str]:
        """For the Warning header in fieldValidation=Warn."""
        return [f'unknown field "{path}"' for path in self.unknown]

    def refuse(self, *, strict: bool) -> None:
        """Raises BadRequest for a wrong type, and with ``strict`` for an unknown field."""
        said = self.errors[0] if self.errors else ""
        if not said and strict and self.unknown:
            said = "strict decoding error: " + ", ".join(self.warnings())
        if said:
            kind = self.kind
            raise BadRequest(f'{kind} in version "{self.version}" cannot be handled as a {kind}: {said}')


def check(row: ResourceRow, obj: dict[str, Any]) -> Findings:
    """Check ``obj`` against its kind and make it canonical, in place. A row without a message passes."""
    if row.custom is not None:
        return row.custom.structure(row, obj)
    if not row.message or _compiled(row.message, typed=True)(obj):
        return Findings(row.kind, row.version)
    return _explain(row, obj)


def check_message(name: str, obj: dict[str, Any]) -> Findings:
    """As ``check``, by a message's full name (bodies of subresources, options)."""
    package, kind = name.rsplit(".", 1)
    if _compiled(name, typed=True)(obj):
        return Findings(kind, package.rsplit(".", 1)[1])
    unknown, errors = inspect(name, obj)
    _compiled(name, typed=True)(obj)
    return Findings(kind, package.rsplit(".", 1)[1], tuple(unknown), tuple(errors))


def check_partial(row: ResourceRow, obj: dict[str, Any]) -> Findings:
    """Types and unknown fields only, for a server-side apply: nothing is filled in, empty values stay."""
    if row.custom is not None:
        return row.custom.structure(row, obj)
    if not row.message:
        return Findings(row.kind, row.version)
    unknown, errors = inspect(row.message, obj)
    return Findings(row.kind, row.version, tuple(unknown), tuple(errors))


def _explain(row: ResourceRow, obj: dict[str, Any]) -> Findings:
    unknown, errors = inspect(row.message, obj)
    if not errors:
        _compiled(row.message, typed=True)(obj)  # canonical now that it is pruned
    return Findings(row.kind, row.version, tuple(unknown), tuple(errors))


@cache
def _compiled(name: str, *, typed: bool) -> Clean:
    """The closure of one message; its inner messages are compiled when first met (types may recurse).

    typed: the object has apiVersion and kind, which are no fields of the message.
    """
    what = message(name)
    handlers = {field.name: _handler(field) for field in what.json_fields.values()}
    if typed:
        text = (_TEXT, SCALARS[Form.STRING])
        handlers = {"apiVersion": text, "kind": text} | handlers
    omitted = frozenset(field.name for field in what.json_fields.values() if field.omit_empty)
    zeros, lists, structs = _always_written(what)
    lookup = handlers.get

    def clean(obj: Any) -> bool:
        if type(obj) is not dict:
            return False
        fine, dropped = True, None
        for key, value in obj.items():
            known = lookup(key)
            if known is None:
                fine = False
                continue
            code, inner = known
            if code == _TEXT and type(value) is str:
                if value or key not in omitted:
                    continue
            elif value is None or code == _OFF:
                pass
            elif code == _SUB:
                fine = inner(value) and fine
                continue
            elif code == _PLAIN:
                normal = inner(value)
                if normal is WRONG:
                    fine = False
                    continue
                if normal is not value:
                    obj[key] = normal
                if normal or key not in omitted:
                    continue
            elif (code == _LIST and type(value) is list) or (code == _MAP and type(value) is dict):
                fine = inner(value) and fine
                if value or key not in omitted:
                    continue
            else:
                fine = False
                continue
            dropped = [key] if dropped is None else [*dropped, key]
        if dropped:
            for key in dropped:
                del obj[key]
        for key, zero in zeros:
            if key not in obj:
                obj[key] = zero
        for key in lists:
            if key not in obj:
                obj[key] = []
        for key, inner in structs:
            if key not in obj:
                obj[key] = {}
                inner(obj[key])
        return fine

    return clean


def _always_written(what: Message) -> tuple[list[tuple[str, Any]], list[str], list[tuple[str, Any]]]:
    """What is written even when it is empty: scalars and lists without omitempty, structs that are no pointers.

    Go writes such a list as null; clients' models want a list.
    """
    zeros: list[tuple[str, Any]] = []
    lists: list[str] = []
    structs: list[tuple[str, Any]] = []
    for field in what.json_fields.values():
        if field.shape is Shape.LIST and not field.omit_empty:
            lists.append(field.name)
        if field.pointer or field.shape is not Shape.ONE:
            continue
        if field.form is Form.MESSAGE:
            structs.append((field.name, _later(field.message)))
        elif field.form in _BLANK and not field.omit_empty:
            zeros.append((field.name, _BLANK[field.form]))
    return zeros, lists, structs


def _handler(field: Field) -> tuple[int, Any]:
    """How to clean one field's value: a code for the loop above, and a function."""
    form = field.form
    if field.rule.get("off"):  # of a feature that is off by default: dropped, as upstream does
        return _OFF, None
    one: Any = _later(field.message) if form is Form.MESSAGE else SCALARS[form]
    if field.shape is Shape.ONE:
        if form is Form.MESSAGE:
            return _SUB, one
        return (_TEXT, one) if form is Form.STRING else (_PLAIN, one)
    if field.shape is Shape.LIST:
        if form is Form.MESSAGE:
            return _LIST, _all_in_list(one)
        return _LIST, _each_in_list(_or_blank(form, one))
    if form is Form.MESSAGE:
        return _MAP, _all_in_map(one)
    return _MAP, _each_in_map(_or_blank(form, one))


def _later(name: str) -> Clean:
    """The closure of a message, compiled at its first use and then called directly."""
    found: list[Clean] = []

    def first(obj: Any) -> bool:
        if not found:
            found.append(_compiled(name, typed=name in kinds()))
        return found[0](obj)

    return first


def _all_in_list(one: Clean) -> Clean:
    def every(values: list[Any]) -> bool:
        fine = True
        for index, value in enumerate(values):
            if value is None:
                values[index] = {}
            fine = one(values[index]) and fine
        return fine

    return every


def _all_in_map(one: Clean) -> Clean:
    def every(values: dict[str, Any]) -> bool:
        fine = True
        for key, value in values.items():
            if value is None:
                values[key] = {}
            fine = one(values[key]) and fine
        return fine

    return every


def _or_blank(form: Form, one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The scalar's function for an item: null is Go's zero value; where there is none it stays."""
    if form is Form.STRING:  # by far the most, and called for every label
        return lambda value: value if type(value) is str else ("" if value is None else WRONG)
    blank = "" if form is Form.BYTES else _BLANK.get(form)
    return lambda value: blank if value is None else one(value)


def _each_in_list(one: Callable[[Any], Any]) -> Clean:
    def every(values: list[Any]) -> bool:
        for index, value in enumerate(values):
            normal = one(value)
            if normal is not value:
                if normal is WRONG:
                    return False
                values[index] = normal
        return True

    return every


def _each_in_map(one: Callable[[Any], Any]) -> Clean:
    def every(values: dict[str, Any]) -> bool:
        for key, value in values.items():
            normal = one(value)
            if normal is not value:
                if normal is WRONG:
                    return False
                values[key] = normal
        return True

    return every
