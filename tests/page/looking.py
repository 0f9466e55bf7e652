"""What the page's tests look at, and what they expect to see there."""

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import AXE, CHROMIUM, NEWEST
from tests.page.fleet import KEYS, TENANTS, VMS, tenant_name, value_of, vm_name

IN_A_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (on Debian: apt install chromium)"),
    # Playwright's own event loop is not closed before the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The marks of a module that opens pages."""

NEEDS_AXE = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (make peers)")

CPU, MEMORY = "win_cpu.percent_processor_time", "win_mem.percent_used"
COMPARED = f"/?key={CPU}&key={MEMORY}&tenant={quote(tenant_name(1), safe='')}&vm={quote(vm_name(1, 0), safe='')}"
PARTS = ("status", "running", "refused", "letters", "tenants")
CHANGES = "/?sort=change&minutes=60"
VIEWS = {
    "now": "/",
    "fleet": "/?view=fleet",
    "changes": CHANGES,
    "where": "/?view=where",
    "vms": "/?view=vms",
    "vm": f"{COMPARED}&minutes=60",
    "ahead": "/?view=ahead",
    **{f"operations-{part}": f"/?view=operations&part={part}" for part in PARTS},
    "api": "/docs",
}
"""The address of every view, by name."""


def open_view(page: Page, name: str) -> None:
    """Open a view, and wait until it shows all that it asks for."""
    page.goto(VIEWS[name])
    settle(page)


def settle(page: Page) -> None:
    """Wait until a view shows all that it asks for."""
    there = page.locator("#all-operations article, #main[aria-busy=false] #view > :not([hidden]) *")
    expect(there.locator("visible=true").first).to_be_visible()
    page.wait_for_load_state("networkidle")


def choice(page: Page) -> dict[str, list[str]]:
    """What the URL says once all that was chosen is shown: only then it is completed with what was not chosen."""
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    return parse_qs(urlsplit(page.url).query)


def violations(page: Page) -> list[Any]:
    """What axe objects to in a page that is still: one that waits is faint, whatever its colours."""
    settle(page)
    page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]


CHART = "svg:has(path.line)"
"""A small chart that has data."""


def problem(page: Page) -> Locator:
    return page.get_by_role("alert")


def card(page: Page, key: str) -> Locator:
    return page.locator(f'.card[data-key="{key}"]')


def fleet_mean(key: str, minute: int, tenants: int = TENANTS) -> float:
    number = KEYS.index(key)
    values = [value_of(number, tenant, vm, minute) for tenant in range(tenants) for vm in range(VMS)]
    return sum(values) / len(values)


def shown(value: float) -> str:
    """A percentage as the page shows it: with one digit, halves away from zero as scripts round, not to even."""
    rounded = Decimal(value).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{rounded}".removesuffix(".0") + " %"


def fleet_item(key: str, timestamp: int, value: float, **fields: Any) -> dict[str, Any]:
    """A point of a chart as the API answers it, of ten VMs that are all there."""
    perf_type, _, perf_name = key.partition(".")
    names = {"timestamp": timestamp, "PerfType": perf_type, "PerfName": perf_name}
    figures = {"average": value, "PerfValue": value, "min": value, "max": value, "count": 10, "tenants": 2}
    return {**names, **figures, "coverage": 1.0, "final": True, "suppressed": None, **fields}


def answer_charts(page: Page, *items: dict[str, Any], start: int, end: int) -> None:
    """Answer what charts ask with these points, of times that no host of these tests has data of."""
    body = json.dumps({"start": start, "end": end, "suppressed": None, "data": items})
    page.route("**/v1/get-data**", lambda route: route.fulfill(content_type="application/json", body=body))


def a_finding(key: str, /, **fields: Any) -> dict[str, Any]:
    """A line of what is unusual, as the API answers it."""
    whose = {"kind": "region", "tenant": None, "name": "westus", "why": "unusual", "key": key, "vms": 5, "of": 10}
    figures = {"value": 9.0, "expected": 5.0, "low": 4.0, "high": 6.0, "score": 2.0, "peers": None, "notable": True}
    more = {"window": NEWEST - 900, "position": 1, "since": NEWEST - 2700, "also": "", "sentence": "Higher than usual."}
    return {**whose, **figures, **more, **fields}


def answer_unusual(page: Page, *findings: dict[str, Any], **fields: Any) -> None:
    """Answer what is unusual with these lines; this host has learned nothing."""
    known = {"window": NEWEST - 900, "tenant": None, "judged": 16, "coverage": 1.0, "final": True, "reason": None}
    body = json.dumps({**known, **fields, "data": findings})
    page.route("**/v1/get-unusual**", lambda route: route.fulfill(content_type="application/json", body=body))


RECORD = """
    window.drawn = [];
    const fillText = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
        const width = this.measureText(text).width;
        const left = x - { left: 0, start: 0, center: width / 2, right: width, end: width }[this.textAlign];
        drawn.push({ text, x, y, left, right: left + width, room: this.canvas.width });
        return fillText.call(this, text, x, y, ...more);
    };
"""
"""A script that remembers what is written on canvases, and where."""


def labels(page: Page) -> list[dict[str, Any]]:
    """What is written at the axes of a page that RECORD was given to: each once, however often it was drawn."""
    return list({(each["text"], each["x"], each["y"]): each for each in page.evaluate("drawn")}.values())


def legend(page: Page, figure: int) -> dict[str, str]:
    """What the legend of a chart says, by name."""
    rows = page.locator("figure").nth(figure).locator(".u-series")
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows.all()}


def opened(page: Page, drop: str) -> Page:
    """The page with the controls open that are behind a button; on a phone that is in the sheet."""
    if page.locator("#open-controls").is_visible() and not page.locator("#controls").is_visible():
        page.locator("#open-controls").click()
    if not page.locator("details.drop[open]", has=page.get_by_text(drop, exact=True)).count():
        page.locator("details.drop > summary", has_text=drop).click()
    return page
