"""The door to CEL (cel-expr-python, Google's own C++ runtime): rules compiled once, evaluated on JSON values.

Loaded at the first rule that is compiled, so that a server without such rules starts no slower. Its type checker is
the one that Kubernetes' own messages come from.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

TEXT: Final = "string"
DYNAMIC: Final = "dyn"
_LEAD = re.compile(r"^(INVALID_ARGUMENT|UNKNOWN|NOT_FOUND|OUT_OF_RANGE|INTERNAL|FAILED_PRECONDITION): ")
_TAIL = re.compile(r"\s*\[[A-Z_]+\]$")
_NO_KEY = re.compile(r'^Key not found in map : "?(.*?)"?$')
_LOCK = threading.Lock()


class CelInvalid(ValueError):
    """The expression does not compile; the text is the compiler's."""


class CelFailed(Exception):
    """The evaluation ended in an error: a missing key, a wrong type, a function that refused."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression.

    returns: the type of its value, as the checker sees it: ``BOOL``, ``STRING``, ``DYN``, …
    """

    expression: Any
    returns: str

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Its value as plain Python. Raises CelFailed."""
        try:
            value = self.expression.eval(data=variables)
        except (RuntimeError, ValueError, TypeError) as error:
            raise CelFailed(_words(str(error))) from error
        if value.type().name() == "ERROR":
            raise CelFailed(_words(str(value.value())))
        return value.plain_value()


@lru_cache(maxsize=4096)
def compile_rule(text: str, type_of_self: str = DYNAMIC, *, optional_old: bool = False) -> Program:
    """An expression over ``self`` and ``oldSelf``. Raises CelInvalid.

    type_of_self: ``string``, ``int``, ``list(dyn)``, ``map(string, int)``, …; dyn is any.
    optional_old: oldSelf is an optional: bind ``had`` (bool) and ``oldSelf`` when evaluating.
    """
    with _LOCK:
        environment = _environment(type_of_self)
        try:
            if optional_old:
                bound = f"cel.bind(oldSelf, had ? optional.of(oldSelf) : optional.none(), ({text}\n))"
                expression = environment.compile(bound)
            else:
                expression = environment.compile(text)
        except (RuntimeError, ValueError, TypeError) as error:
            raise CelInvalid(_words(str(error))) from error
    return Program(expression, expression.return_type().name())


@cache
def _environment(type_of_self: str) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional

    from control.schema.custom.cel_functions import FUNCTIONS

    types = {
        "string": cel.Type.STRING,
        "int": cel.Type.INT,
        "double": cel.Type.DOUBLE,
        "bool": cel.Type.BOOL,
        "bytes": cel.Type.BYTES,
        "dyn": cel.Type.DYN,
    }

    def kind(text: str) -> Any:
        if text in types:
            return types[text]
        if text.startswith("list("):
            return cel.Type.List(kind(text[5:-1]))
        if text.startswith("map(string,"):
            return cel.Type.Map(cel.Type.STRING, kind(text[11:-1]))
        return cel.Type.Map(cel.Type.DYN, cel.Type.DYN)  # "map"

    functions = []
    for name, overloads in FUNCTIONS.items():
        made = [
            cel.Overload(
                f"{name}_{number}",
                return_type=kind(one.returns),
                parameters=[kind(text) for text in one.takes],
                is_member=one.member,
                impl=one.call,
            )
            for number, one in enumerate(overloads)
        ]
        functions.append(cel.FunctionDecl(name, made))
    own = kind(type_of_self)
    return cel.NewEnv(
        variables={"self": own, "oldSelf": own, "had": cel.Type.BOOL},
        extensions=[
            ext_optional.ExtOptional(),
            ext_math.ExtMath(),
            ext_bindings.ExtBindings(),
            ext_encoders.ExtEncoders(),
        ],
        functions=functions,
    )


def _words(said: str) -> str:
    """The library's words without its codes; in upstream's where they differ."""
    said = _TAIL.sub("", _LEAD.sub("", said))
    if match := _NO_KEY.match(said):
        return f"no such key: {match[1]}"
    if said.startswith("No matching overloads found"):
        return "no such overload"
    if said.startswith("Index error: "):
        return "index out of bounds: " + said.removeprefix("Index error: index=").partition(" ")[0]
    return said
