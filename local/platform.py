"""Stands in for Azure's checks in front of an app: function keys, and App Service Authentication with fake principals.

``KEYS`` holds the function keys, separated by commas: ``KEY`` for all functions, ``NAME:KEY`` for one. Without it, no
key is required. ``PRINCIPALS`` holds the users who may sign in, as JSON. It maps a token to the user's claims by type,
for example ``{"ann": {"roles": "operator"}, "bob": {"tid": "a directory"}}``. A request is ann's if it has the header
``Authorization: Bearer ann``, or the cookie that ``/.auth/login/aad`` sets when a user signs in as ann.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, unquote, urlencode

KEY_HEADER = "x-functions-key"
KEY_PARAMETER = "code"
PLATFORM_HEADERS = "x-ms-client-principal"
ROLE_TYPE = "roles"
SESSION = "AppServiceAuthSession"
SIGN_IN = "/.auth/login/aad"
SIGN_OUT = "/.auth/logout"


@dataclass(frozen=True, slots=True)
class Platform:
    """The keys by function ("" for all functions), and the users' claims by token (None if sign-in is off)."""

    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    principals: Mapping[str, Mapping[str, str | list[str]]] | None = None

    @classmethod
    def of(cls, keys: str, principals: str) -> "Platform":
        """Parse ``KEYS`` and ``PRINCIPALS``. Raises ValueError with a text that says which is malformed."""
        by_function: dict[str, set[str]] = {}
        for part in filter(None, (part.strip() for part in keys.split(","))):
            function, _, key = part.rpartition(":")
            by_function.setdefault(function, set()).add(key)
        try:
            claims = json.loads(principals) if principals.strip() else None
        except ValueError as error:
            raise ValueError(f"PRINCIPALS is not JSON: {error}") from error
        if claims is not None and not (
            isinstance(claims, dict) and all(isinstance(each, dict) for each in claims.values())
        ):
            raise ValueError('PRINCIPALS must be like {"ann": {"roles": "operator"}}')
        return cls({function: frozenset(each) for function, each in by_function.items()}, claims)

    def admits(self, function: str, headers: Mapping[str, str], query: str) -> bool:
        """Tell whether a request has a key for a function, in the header or else in the query, as in Azure."""
        if not self.keys:
            return True
        given = headers.get(KEY_HEADER) or dict(parse_qsl(query)).get(KEY_PARAMETER, "")
        right = self.keys.get("", frozenset()) | self.keys.get(function, frozenset())
        return any(hmac.compare_digest(given.encode(errors="surrogateescape"), key.encode()) for key in right)

    def passed_on(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return a request's headers as the app gets them. Names are in lower case.

        If sign-in is on, the request's own headers about its principal are replaced by the platform's.
        """
        if self.principals is None:
            return dict(headers)
        kept = {name: value for name, value in headers.items() if not name.startswith(PLATFORM_HEADERS)}
        scheme, _, token = headers.get("authorization", "").partition(" ")
        cookie = None
        with suppress(CookieError):  # a malformed cookie counts as none
            cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION)
        for name in (token if scheme.lower() == "bearer" else "", unquote(cookie.value) if cookie else ""):
            if name in self.principals:
                kept[PLATFORM_HEADERS] = principal(self.principals[name])
                break
        return kept

    def sign_in(self, query: str) -> tuple[str, dict[str, str]] | None:
        """Return the answer of the sign-in page: an HTML text and headers. None if the query names an unknown user.

        Without a user in the query, it is the page with the choice of users. With one, the headers are ``Location`` and
        ``Set-Cookie``.
        """
        asked = dict(parse_qsl(query))
        back = asked.get("post_login_redirect_uri", "/")
        here = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
        back = back if here else "/"
        known = self.principals or {}
        if "as" not in asked:
            links = "".join(
                f'<li><a href="?{escape(urlencode({"as": name, "post_login_redirect_uri": back}))}">{escape(name)}</a>'
                for name in known
            )
            return f"<!doctype html><title>Sign in</title><h1>Pretend to be</h1><ul>{links}</ul>", {}
        if asked["as"] not in known:
            return None
        return "", {"Location": back, "Set-Cookie": f"{SESSION}={quote(asked['as'])}; Path=/; HttpOnly; SameSite=Lax"}


def principal(claims: Mapping[str, str | list[str]]) -> str:
    """Return the value of the header that tells the app a user's claims."""
    listed = [
        {"typ": kind, "val": value}
        for kind, values in claims.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    content = {"auth_typ": "aad", "claims": listed, "name_typ": "name", "role_typ": ROLE_TYPE}
    return base64.b64encode(json.dumps(content).encode()).decode()
