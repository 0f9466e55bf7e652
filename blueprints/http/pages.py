"""The web pages: the files of ``web/``, unchanged. There is no build step, and nothing comes from elsewhere."""

import mimetypes
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import azure.functions as func

from blueprints.http.formats import MOST_COMPRESSION, respond
from blueprints.http.problems import problem
from blueprints.settings import allowed_origins

WEB = Path(__file__).parents[2] / "web"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}
DOCUMENTS = ("text/html; charset=utf-8", "image/svg+xml")
FOR_DOCUMENTS = ("Content-Security-Policy", "Referrer-Policy")
"""Browsers heed these headers only of a document. The page loads some seventy files, so they would be 14 KB."""

REVALIDATE = "public, no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
"""For files with their version in their path."""

mimetypes.add_type("text/javascript", ".js")

blueprint = func.Blueprint()


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Return every file of the pages by name, with its media type. No other file can be requested."""
    files = {}
    for path in sorted(WEB.rglob("*")):
        if path.is_file() and (kind := mimetypes.guess_type(path.name)[0]):
            charset = "; charset=utf-8" if kind.startswith("text/") else ""
            files[path.relative_to(WEB).as_posix()] = (path.read_bytes(), kind + charset)
    return files


def _serve(
    name: str, request: func.HttpRequest, request_id: str, headers: Mapping[str, str] = HEADERS
) -> func.HttpResponse:
    if name not in _files():
        return problem(request_id, HTTPStatus.NOT_FOUND, "there is no such file")
    content, kind = _files()[name]
    if kind not in DOCUMENTS:
        headers = {key: value for key, value in headers.items() if key not in FOR_DOCUMENTS}
    caching = FOR_EVER if name.startswith("vendor/") else REVALIDATE
    headers = {**headers, "Cache-Control": caching, "X-Request-Id": request_id}
    return respond(request.headers, content, kind, headers, level=MOST_COMPRESSION)


@blueprint.function_name("page")
@blueprint.route(route="{empty:maxlength(0)?}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def page(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The page itself, at the root. With ``embed``, ALLOWED_ORIGINS may frame it.

    An empty route would stand for the function's name.
    """
    headers = HEADERS
    if "embed" in parse_qs(urlsplit(req.url).query, keep_blank_values=True):
        headers = {**HEADERS, "Content-Security-Policy": f"{POLICY}; frame-ancestors {_who_may_frame()}"}
    return _serve("index.html", req, context.invocation_id, headers)


def _who_may_frame() -> str:
    return " ".join(allowed_origins()) or "'none'"


@blueprint.function_name("page_api")
@blueprint.route(route="docs", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def page_api(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The page that shows the OpenAPI document."""
    return _serve("api.html", req, context.invocation_id)


@blueprint.function_name("page_assets")
@blueprint.route(route="assets/{*name}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def page_assets(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The pages' scripts and styles."""
    return _serve(req.route_params.get("name", ""), req, context.invocation_id)
