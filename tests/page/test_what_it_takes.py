"""The pages' weight, policy and library, and the page of the API."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from blueprints.http.charts import MOST_ROWS
from blueprints.http.fields import MOST_KEYS
from blueprints.http.standings import MOST_WINDOWS
from pipeline.queries.changes import MOST_SUMMARIES
from tests.app.conftest import ROOT, Local
from tests.page.conftest import AXE
from tests.page.looking import IN_A_BROWSER, NEEDS_AXE, VIEWS, open_view, settle

pytestmark = IN_A_BROWSER


def test_the_policy_is_strict_and_nothing_is_inline(page: Page, filled: Local) -> None:
    for path in ("/", "/docs"):
        _, body, headers = filled.get(path)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert not re.search(rb"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:", body)
    for view in VIEWS:
        open_view(page, view)  # and whatever the browser refuses by it fails the fixture


@pytest.mark.parametrize("view", VIEWS)
def test_what_comes_before_any_data_is_small(page: Page, view: str) -> None:
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(_size(request)) if "/v1/" not in request.url else None)
    open_view(page, view)
    assert 5_000 < sum(sizes) < {"api": 30_000, "now": FIRST_BYTES}.get(view, MOST_BYTES)


MOST_BYTES = 140_000
"""Of scripts and styles, with their headers: those of the page and of the view that is shown, which may draw charts."""
FIRST_BYTES = 100_000
"""The same of the first page."""


@pytest.mark.parametrize("view", ["now", "fleet", "where", "vms", "vm", "ahead", "operations"])
def test_the_page_names_the_modules_that_its_view_loads(page: Page, filled: Local, view: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path.removeprefix("/assets/")))
    page.goto(f"/?view={view}")
    settle(page)
    named = set(re.findall(r'modulepreload" href="assets/([^"]+)"', filled.get(f"/?view={view}")[1].decode()))
    loaded = {path for path in asked if path.endswith(".js")}
    later = {path for path in loaded if path.startswith(("js/operations/", "vendor/uplot"))}
    """The part of a view that is chosen, and the library that is no module."""
    assert f"js/views/{view}.js" in named
    assert loaded - later == named | {"js/page.js"}


def test_a_page_of_an_unknown_view_names_the_modules_of_the_first_one(filled: Local) -> None:
    assert filled.get("/?view=../page")[1] == filled.get("/?view=now")[1] == filled.get("/")[1]


def _size(request: Any) -> int:
    taken = request.sizes()
    return int(taken["responseBodySize"] + taken["responseHeadersSize"])


def test_the_page_knows_the_limits_of_the_api() -> None:
    script = (ROOT / "web/js/ask.js").read_text()
    told = {name: int(value.replace("_", "")) for name, value in re.findall(r"const (MOST_\w+) = ([\d_]+);", script)}
    assert told == {
        "MOST_KEYS": MOST_KEYS,
        "MOST_ROWS": MOST_ROWS,
        "MOST_WINDOWS": MOST_WINDOWS,
        "MOST_SUMMARIES": MOST_SUMMARIES,
    }


@NEEDS_AXE
def test_the_libraries_are_those_of_npm() -> None:
    ours, theirs = ROOT / "web/vendor/uplot-1.6.32", AXE.parents[1] / "uplot"
    assert json.loads((theirs / "package.json").read_text())["version"] == "1.6.32"
    for name in ("uPlot.iife.min.js", "uPlot.min.css"):
        assert (ours / name).read_bytes() == (theirs / "dist" / name).read_bytes()
    assert (ours / "LICENSE").read_text() == (theirs / "LICENSE").read_text()
    ours, theirs = ROOT / "web/vendor/lit-html-3.3.3", AXE.parents[1] / "lit-html"
    assert json.loads((theirs / "package.json").read_text())["version"] == "3.3.3"
    files = {path.relative_to(ours) for path in ours.rglob("*.js")}
    assert {f"{path}" for path in files} >= {"lit-html.js", "directives/repeat.js"}
    for path in {*files, Path("LICENSE")}:
        assert (ours / path).read_bytes() == (theirs / path).read_bytes()
