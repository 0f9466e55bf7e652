"""The web page: the files of ``web/``, as they are. No build step, nothing from elsewhere."""

import mimetypes
from functools import cache
from http import HTTPStatus
from pathlib import Path

import azure.functions as func

from blueprints.answers import problem

WEB = Path(__file__).parent.parent / "web"
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
mimetypes.add_type("text/javascript", ".js")

blueprint = func.Blueprint()


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Every file of the page by its name, with its content type. Nothing else can be asked for."""
    files = {}
    for path in sorted(WEB.rglob("*")):
        if path.is_file() and (kind := mimetypes.guess_type(path.name)[0]):
            files[path.relative_to(WEB).as_posix()] = (path.read_bytes(), kind)
    return files


def _serve(name: str) -> func.HttpResponse:
    if name not in _files():
        return problem(HTTPStatus.NOT_FOUND, "there is no such file")
    body, kind = _files()[name]
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return func.HttpResponse(body, headers={**HEADERS, "Content-Type": kind + charset})


@blueprint.function_name("page")
@blueprint.route(route="{empty:maxlength(0)?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def page(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """The page itself, at the root; an empty route would mean the function's name."""
    return _serve("index.html")


@blueprint.function_name("page_assets")
@blueprint.route(route="assets/{*name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def page_assets(req: func.HttpRequest) -> func.HttpResponse:
    """The page's scripts and styles."""
    return _serve(req.route_params.get("name", ""))
