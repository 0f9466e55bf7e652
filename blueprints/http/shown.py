"""Which types of answers may be written to a tenant's caller: those that say so, down to their last part.

Knows how types are put together; refuses to know what they mean (domain.disclosure).
"""

from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from domain.disclosure import ForTenants

PLAIN = (str, int, float, bool, NoneType)


def may_be_shown(answer: Any) -> bool:
    """Tell whether a type of answers is for tenants' callers: it, and every type that it is made of."""
    return isinstance(answer, type) and issubclass(answer, ForTenants) and _is_shown(answer)


def _is_shown(kind: Any) -> bool:
    if is_dataclass(kind) and isinstance(kind, type):
        return issubclass(kind, ForTenants) and all(map(_is_shown, get_type_hints(kind).values()))
    if get_origin(kind) is Literal:
        return True
    if isinstance(kind, list):  # the parameters of a function
        return all(map(_is_shown, kind))
    # What is anything stands in types that say that they hold nothing of others.
    return kind in PLAIN or kind is Any or (bool(get_args(kind)) and all(map(_is_shown, get_args(kind))))
