"""What stands in front of an app in Azure: function keys, and App Service Authentication with pretend principals.

``KEYS`` holds the function keys: ``KEY`` for all functions, ``NAME:KEY`` for one, separated by commas. Without it, no
key is asked for. ``PRINCIPALS`` holds who may sign in, as JSON: by token, the claims by type, for example
``{"ann": {"roles": "operator"}, "bob": {"tid": "a directory"}}``. ``Authorization: Bearer ann`` then is ann's request.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
PLATFORM_HEADERS = "x-ms-client-principal"
ROLE_TYPE = "roles"


@dataclass(frozen=True, slots=True)
class Platform:
    """The keys by function ("" for all), and the claims of those who may sign in by token; None: nobody signs in."""

    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    principals: Mapping[str, Mapping[str, str | list[str]]] | None = None

    @classmethod
    def of(cls, keys: str, principals: str) -> "Platform":
        """Read both as the module says. Raises ValueError, whose text names what is malformed."""
        by_function: dict[str, set[str]] = {}
        for part in filter(None, (part.strip() for part in keys.split(","))):
            function, _, key = part.rpartition(":")
            by_function.setdefault(function, set()).add(key)
        try:
            claims = json.loads(principals) if principals.strip() else None
        except ValueError as error:
            raise ValueError(f"PRINCIPALS is no JSON: {error}") from error
        if claims is not None and not (
            isinstance(claims, dict) and all(isinstance(each, dict) for each in claims.values())
        ):
            raise ValueError('PRINCIPALS must be like {"ann": {"roles": "operator"}}')
        return cls({function: frozenset(each) for function, each in by_function.items()}, claims)

    def admits(self, function: str, headers: Mapping[str, str], query: str) -> bool:
        """Tell whether a request has a key for a function: in the header, else in the query, as the host looks."""
        if not self.keys:
            return True
        given = headers.get(KEY_HEADER) or dict(parse_qsl(query)).get(KEY_PARAMETER, "")
        right = self.keys.get("", frozenset()) | self.keys.get(function, frozenset())
        return any(hmac.compare_digest(given.encode(), key.encode()) for key in right)

    def passed_on(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return a request's headers as the app gets them. Names are in lower case.

        Where people sign in, what a request says of its principal is taken away, and what the platform knows put there.
        """
        if self.principals is None:
            return dict(headers)
        kept = {name: value for name, value in headers.items() if not name.startswith(PLATFORM_HEADERS)}
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token in self.principals:
            kept[PLATFORM_HEADERS] = principal(self.principals[token])
        return kept


def principal(claims: Mapping[str, str | list[str]]) -> str:
    """Return the header that says who somebody with these claims is."""
    listed = [
        {"typ": kind, "val": value}
        for kind, values in claims.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    content = {"auth_typ": "aad", "claims": listed, "name_typ": "name", "role_typ": ROLE_TYPE}
    return base64.b64encode(json.dumps(content).encode()).decode()
