"""Stands in for Azure's own CORS (``siteConfig.cors``): pages of ALLOWED_ORIGINS may read, without cookies.

In Azure the platform answers preflights and adds the header, so the app itself must do neither.
"""

from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web

READING = ("GET", "HEAD")


def preflight(request: web.Request, origins: Collection[str]) -> web.Response | None:
    """Return the answer to a preflight of a page that may read, or None if this is none."""
    asked = request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or asked not in READING or request.headers.get("Origin") not in origins:
        return None
    headers = {
        "Access-Control-Allow-Methods": ", ".join(READING),
        "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
        "Access-Control-Max-Age": "600",
    }
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def allow(request: web.Request, answer: web.Response, origins: Collection[str]) -> web.Response:
    """Let the page that asked read the answer, if it may. Credentials are never allowed."""
    origin = request.headers.get("Origin")
    if origins:
        answer.headers["Vary"] = ", ".join(filter(None, (answer.headers.get("Vary"), "Origin")))
    if origin in origins and request.method in (*READING, "OPTIONS"):
        answer.headers["Access-Control-Allow-Origin"] = str(origin)
    return answer
