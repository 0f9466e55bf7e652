"""Decides which types of answers a tenant's caller may get: the type and all its parts must declare that.

Knows how types are composed. Does not know what they mean (domain.disclosure does).
"""

from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from domain.disclosure import ForTenants

PLAIN = (str, int, float, bool, NoneType)


def may_be_shown(answer: Any) -> bool:
    """Tell whether tenants' callers may get a type of answers: the type itself, and every type inside it."""
    return isinstance(answer, type) and issubclass(answer, ForTenants) and _is_shown(answer)


def _is_shown(kind: Any) -> bool:
    if is_dataclass(kind) and isinstance(kind, type):
        return issubclass(kind, ForTenants) and all(map(_is_shown, get_type_hints(kind).values()))
    if get_origin(kind) is Literal:
        return True
    if isinstance(kind, list):  # the parameters of a function
        return all(map(_is_shown, kind))
    # Any appears only inside types that declare that they contain nothing about others.
    return kind in PLAIN or kind is Any or (bool(get_args(kind)) and all(map(_is_shown, get_args(kind))))
