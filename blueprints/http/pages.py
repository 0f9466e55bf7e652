"""The web pages: the files of ``web/``. There is no build step, and nothing comes from elsewhere.

The files are unchanged but for one line of the page, which names the modules that its view needs. A browser finds a
module's imports only when the module has come. So it would ask for one after the other; so, it asks for all at once.
"""

import mimetypes
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

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

MODULES = b"<!-- modules -->"
"""Stands in the page for the modules that the browser is to load at once."""

PAGE, FIRST_VIEW = "js/page.js", "js/views/now.js"

_IMPORT = re.compile(rb'(?:from|import) ?"([^"\s]+\.js)"')
"""Finds what a module imports when it loads, not what it may import later: ``import(…)``."""

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


@cache
def _page(view: str) -> bytes:
    """Return the page, with the modules that a view needs besides the page's own first one."""
    modules = sorted({*_modules(PAGE), *_modules(view)} - {PAGE})
    links = (f'<link rel="modulepreload" href="assets/{each}">' for each in modules)
    return _files()["index.html"][0].replace(MODULES, "\n  ".join(links).encode())


def _modules(name: str) -> set[str]:
    """Return the names of a module and of all that it imports."""
    found, left = {name}, {name}
    while left:
        path = left.pop()
        imports = _IMPORT.findall(_files()[path][0])
        new = {urljoin(f"/assets/{path}", each.decode()).removeprefix("/assets/") for each in imports} - found
        found |= new
        left |= new
    return found


def _serve(
    name: str,
    request: func.HttpRequest,
    request_id: str,
    headers: Mapping[str, str] = HEADERS,
    content: bytes | None = None,
) -> func.HttpResponse:
    if name not in _files():
        return problem(request_id, HTTPStatus.NOT_FOUND, "there is no such file")
    file, kind = _files()[name]
    if kind not in DOCUMENTS:
        headers = {key: value for key, value in headers.items() if key not in FOR_DOCUMENTS}
    caching = FOR_EVER if name.startswith("vendor/") else REVALIDATE
    headers = {**headers, "Cache-Control": caching, "X-Request-Id": request_id}
    return respond(request.headers, content or file, kind, headers, level=MOST_COMPRESSION)


@blueprint.function_name("page")
@blueprint.route(route="{empty:maxlength(0)?}", methods=["GET", "HEAD"], auth_level=func.AuthLevel.ANONYMOUS)
async def page(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """The page itself, at the root, for the ``view`` that is asked for. With ``embed``, ALLOWED_ORIGINS may frame it.

    An empty route would stand for the function's name.
    """
    asked = parse_qs(urlsplit(req.url).query, keep_blank_values=True)
    headers = HEADERS
    if "embed" in asked:
        headers = {**HEADERS, "Content-Security-Policy": f"{POLICY}; frame-ancestors {_who_may_frame()}"}
    view = f"js/views/{asked.get('view', [''])[0]}.js"
    return _serve("index.html", req, context.invocation_id, headers, _page(view if view in _files() else FIRST_VIEW))


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
