"""Stands in for Azure's checks in front of an app: function keys, and App Service Authentication with fake principals.

``KEYS`` holds the function keys, separated by commas: ``KEY`` for all functions, ``NAME:KEY`` for one. Without it, no
key is required. ``PRINCIPALS`` holds the users who may sign in, as JSON. It maps a token to the user's claims by type,
for example ``{"ann": {"roles": "operator"}, "bob": {"tid": "a directory"}}``. A request is ann's if it has the header
``Authorization: Bearer ann``, or the cookie that ``/.auth/login/aad`` sets when a user signs in as ann.

This module fills in the other claims of Entra ID. A user without a directory belongs to ``HOME``. The issuer is the
directory's. A token (but not a session) names the application that requested it. A user with the claim ``azp``, the id
of an application, is an application. Others have seen the platform behave in several ways. ``PLATFORM_LIKE`` chooses
among them with words of ``Behaviour``, for example ``long_names v1``.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
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
HOME = "c0ffee00-0000-4000-8000-000000000000"
"""The directory of users without another directory."""

CLIENT = "c11e0000-0000-4000-8000-000000000000"
"""The application that people use to request tokens."""

APP = "a9900000-0000-4000-8000-000000000000"
"""The app itself. Tokens are issued for it."""

LONG_NAMES = {
    "tid": "http://schemas.microsoft.com/identity/claims/tenantid",
    "scp": "http://schemas.microsoft.com/identity/claims/scope",
    "oid": "http://schemas.microsoft.com/identity/claims/objectidentifier",
}

Claims = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the platform behaves: a choice of the observed ways.

    ``long_names``: some claims have long names. ``v1``: tokens have version 1, else version 2.
    ``refuses_bad_tokens``: the platform refuses an unknown token. Else it passes the request on without a user.
    ``strict_audience``: it refuses a token for another application (claim ``aud``). ``strict_issuer``: it refuses a
    token if its issuer is not the directory that the token names. Without these, it passes the token's claims on.
    """

    long_names: bool = False
    v1: bool = False
    refuses_bad_tokens: bool = False
    strict_audience: bool = False
    strict_issuer: bool = False

    @classmethod
    def of(cls, words: str) -> "Behaviour":
        """Parse ``PLATFORM_LIKE``. Raises ValueError."""
        given = words.replace(",", " ").split()
        known = [each.name for each in fields(cls)]
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"PLATFORM_LIKE has {' and '.join(unknown)}; it may have {', '.join(known)}")
        return cls(**dict.fromkeys(given, True))

    def claims(self, of: Claims, *, session: bool) -> Claims:
        """Return a user's claims as the platform passes them on, for a session or else for a token."""
        claims = {"tid": of.get("tid", HOME), "iss": self._issuer(of), "aud": APP, **of}
        if "azp" not in claims and not session:
            claims |= {"azp": CLIENT, "scp": "user_impersonation"}
        if self.v1 and "azp" in claims:
            claims["appid"] = claims.pop("azp")
        return {LONG_NAMES.get(kind, kind) if self.long_names else kind: value for kind, value in claims.items()}

    def refuses(self, of: Claims) -> bool:
        """Tell whether a token with these claims is refused."""
        return bool(
            (self.strict_audience and of.get("aud", APP) != APP)
            or (self.strict_issuer and of.get("iss", self._issuer(of)) != self._issuer(of))
        )

    def _issuer(self, of: Claims) -> str:
        form = "https://sts.windows.net/{}/" if self.v1 else "https://login.microsoftonline.com/{}/v2.0"
        return form.format(of.get("tid", HOME))


@dataclass(frozen=True, slots=True)
class Platform:
    """The keys by function ("" for all functions), and the users' claims by token (None if sign-in is off)."""

    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    principals: Mapping[str, Claims] | None = None
    behaviour: Behaviour = Behaviour()

    @classmethod
    def of(cls, keys: str, principals: str, like: str = "") -> "Platform":
        """Parse ``KEYS``, ``PRINCIPALS`` and ``PLATFORM_LIKE``. Raises ValueError, which names the malformed one."""
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
        return cls({function: frozenset(each) for function, each in by_function.items()}, claims, Behaviour.of(like))

    def admits(self, function: str, headers: Mapping[str, str], query: str) -> bool:
        """Tell whether a request has a key for a function, in the header or else in the query, as in Azure."""
        if not self.keys:
            return True
        given = headers.get(KEY_HEADER) or dict(parse_qsl(query)).get(KEY_PARAMETER, "")
        right = self.keys.get("", frozenset()) | self.keys.get(function, frozenset())
        return any(hmac.compare_digest(given.encode(errors="surrogateescape"), key.encode()) for key in right)

    def refuses(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the platform itself refuses a request because of its token. Names are in lower case."""
        token = _token(headers)
        if not token or self.principals is None:
            return False
        claims = self.principals.get(token)
        return self.behaviour.refuses_bad_tokens if claims is None else self.behaviour.refuses(claims)

    def passed_on(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return a request's headers as the app gets them. Names are in lower case.

        If sign-in is on, the request's own headers about its principal are replaced by the platform's.
        """
        if self.principals is None:
            return dict(headers)
        kept = {name: value for name, value in headers.items() if not name.startswith(PLATFORM_HEADERS)}
        cookie = None
        with suppress(CookieError):  # a malformed cookie counts as none
            cookie = SimpleCookie(headers.get("cookie", "")).get(SESSION)
        for session, name in ((False, _token(headers)), (True, unquote(cookie.value) if cookie else "")):
            if name in self.principals:
                kept[PLATFORM_HEADERS] = principal(self.behaviour.claims(self.principals[name], session=session))
                break
        return kept

    def sign_in(self, query: str) -> tuple[str, dict[str, str]] | None:
        """Return the answer of the sign-in page: an HTML text and headers. None if the query names an unknown user.

        If the query has no user, the page offers a choice of users. If it has one, the headers are ``Location`` and
        ``Set-Cookie``.
        """
        asked = dict(parse_qsl(query))
        back = _here(asked.get("post_login_redirect_uri", "/"))
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

    def sign_out(self, query: str) -> dict[str, str]:
        """Return the headers of the answer that signs a user out."""
        back = _here(dict(parse_qsl(query)).get("post_logout_redirect_uri", "/"))
        return {"Location": back, "Set-Cookie": f"{SESSION}=; Path=/; Max-Age=0"}


def _here(back: str) -> str:
    """Return the address to go back to if it is on this host, else the page."""
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable() else "/"


def _token(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def principal(claims: Claims) -> str:
    """Return the value of the header that tells the app a user's claims."""
    listed = [
        {"typ": kind, "val": value}
        for kind, values in claims.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    content = {"auth_typ": "aad", "claims": listed, "name_typ": "name", "role_typ": ROLE_TYPE}
    return base64.b64encode(json.dumps(content).encode()).decode()
