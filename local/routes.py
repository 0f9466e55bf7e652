"""Routing: finds the HTTP function for a path by the rules of the Functions host.

The rules: routes begin with the prefix of host.json. Functions are tried in the order of their names, and the first
match wins. Case and a trailing slash do not matter. A route does not match if its function lacks the method. Paths are
decoded before matching, except for ``%2F``, which stays as it is. A path with an empty part (``//``) has no route.
Templates may hold ``{name}``, ``{name?}``, ``{name:int}``, ``{name:maxlength(n)}`` and ``{*rest}``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from local.worker import Function

_PARAMETER = re.compile(r"\{(\*?)(\w+)(?::(\w+)(?:\((\d+)\))?)?(\?)?\}")
_PERCENT_OF_A_SLASH = re.compile(r"%(?=2[Ff])")


@dataclass(frozen=True, slots=True)
class Route:
    """An HTTP function with its route. Empty ``methods`` mean all methods."""

    function: Function
    template: str
    methods: frozenset[str]
    pattern: re.Pattern[str]

    @property
    def anonymous(self) -> bool:
        """Whether the function needs no key."""
        return str(self.function.trigger.get("authLevel", "FUNCTION")).upper() == "ANONYMOUS"


def routes(functions: Iterable[Function], prefix: str) -> list[Route]:
    """Return the routes of the HTTP functions in the order in which the host tries them."""
    found = []
    for function in sorted(functions, key=lambda each: each.name):
        trigger = function.trigger
        if trigger["type"].lower() != "httptrigger":
            continue
        template = "/".join(part for part in (prefix.strip("/"), (trigger.get("route") or function.name)) if part)
        methods = frozenset(method.upper() for method in trigger.get("methods") or ())
        found.append(Route(function, template, methods, _pattern(template)))
    return found


def match(candidates: Iterable[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route for a method and an encoded path, with its decoded parameters; or None."""
    parts = path.removeprefix("/").removesuffix("/").split("/") if path != "/" else []
    if "" in parts:
        return None
    decoded = unquote(_PERCENT_OF_A_SLASH.sub("%25", "/".join(parts)))
    for route in candidates:
        found = route.pattern.fullmatch(decoded)
        if found and (method in route.methods or not route.methods):
            return route, {name: value for name, value in found.groupdict().items() if value}
    return None


def _pattern(template: str) -> re.Pattern[str]:
    segments: list[str] = []
    for segment in template.strip("/").split("/"):
        found = _PARAMETER.fullmatch(segment)
        separator = "/" if segments else ""
        if found is None:
            segments.append(separator + re.escape(segment))
            continue
        rest, name, constraint, argument, optional = found.groups()
        value = {"int": r"-?\d+", "maxlength": rf"[^/]{{0,{argument}}}"}.get(constraint or "", r"[^/]+")
        one = f"{separator}(?P<{name}>{'.*' if rest else value})"
        segments.append(f"(?:{one})?" if optional or rest else one)
    return re.compile("".join(segments), re.IGNORECASE | re.DOTALL)
