"""Measures every view of the page in Chromium, on a local host with 10,000 VMs of 40 counters.

``python -m benchmarks page``. Of each view: the time from opening it until it can be used, the bytes that come before
any data, how much its layout moves, and how long a refresh takes of the browser's main thread. The store is filled once
and used again (``.local/bench/page``; remove that folder to fill it anew).

The fleet has two windows and no past: what is normal is not known of it. So views that draw bands have less to draw
than they will have after some days.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.fleet import in_a_process, message, tenant_name, vm_name
from domain.closing import Times
from domain.counters import COUNTERS
from domain.minutes import WINDOW
from domain.samples import Horizon
from pipeline.averaging import average
from pipeline.ingest import Message, ingest
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from tests.app.conftest import Local
from tests.page.conftest import CHROMIUM, SWITCHES

OUT = Path(os.environ.get("BENCH_OUT", ".local/bench"))
TENANTS, VMS = 100, 100
WINDOWS = 2
KEYS = [*COUNTERS, *(f"win_extra.counter_{number:02d}" for number in range(40))][:40]
BATCH = 64
TIMES = 3
KEPT = 31 * 86_400

USABLE, BEFORE, BUSY = 0.8, 100, 16
"""The goals: seconds, kilobytes, milliseconds. The layout must not move at all."""

ONE = f"&tenant={quote(tenant_name(7), safe='')}&vm={quote(vm_name(7, 7), safe='')}"
VIEWS = {
    "now": ("/", "#view .lead"),
    "fleet": ("/?view=fleet", "#view .card svg"),
    "where": ("/?view=where", "#view table td"),
    "vms": ("/?view=vms", "#view table td.value"),
    "vm": (f"/?view=vm&key={KEYS[0]}&key={KEYS[1]}{ONE}", "#view figure canvas"),
    "ahead": ("/?view=ahead", "#view > :not([hidden]) *"),
    "operations": ("/?view=operations", "#view dl"),
}
"""By name: the address, and what is there once the view can be used."""

MOVES = """
    window.moved = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
USED = """
    window.usable = new Promise((done) => {
        const shown = () => [...document.querySelectorAll(%s)].some((each) => each.checkVisibility());
        const look = () => {
            const usable = document.querySelector('#main[aria-busy="false"]') && shown();
            usable ? done(performance.now()) : requestAnimationFrame(look);
        };
        look();
    });
"""
"""The page's own clock tells when it can be used, by looking at every frame: asking from outside, again and again,
would find it up to half a second late."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a view took: seconds until it could be used, bytes before data, and how much its layout moved."""

    seconds: float
    size: int
    moved: float


def bench_page() -> None:
    """Open every view several times, each time with an empty cache, and print how that compares with the goals."""
    if CHROMIUM is None:
        print("page                skipped: it needs Chromium (on Debian: apt install chromium)")
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a browser and a server
    data = OUT / "page"
    if not (data / "filled").exists():
        print(f"filling {TENANTS * VMS:,} VMs of {len(KEYS)} counters, {WINDOWS} windows: once", flush=True)
        in_a_process(_fill, data)
    host = Local(data.resolve(), {"AVERAGING_SCHEDULE": "0 * * * * *"}).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            print(f"{'view':12}{'usable':>10}{'before data':>14}{'moves':>8}{'a refresh':>12}{'longest task':>13}")
            print(f"{'goal':12}{USABLE:>8} s{BEFORE:>11} KB{0:>8}{BUSY:>9} ms{BUSY:>10} ms")
            for name, (path, ready) in VIEWS.items():
                _view(browser, host.address, name, path, ready)
            browser.close()
    finally:
        host.stop()


def _view(browser: Browser, address: str, name: str, path: str, ready: str) -> None:
    _open(browser, address + path, ready)  # the host's own caches
    all_ = [_open(browser, address + path, ready) for _ in range(TIMES)]
    seconds = statistics.median(each.seconds for each in all_)
    busy, longest = map(
        statistics.median, zip(*(_refresh(browser, address + path, ready) for _ in range(TIMES)), strict=True)
    )
    size, moved = max(each.size for each in all_), max(each.moved for each in all_)
    print(
        f"{name:12}{seconds:>8.2f} s{size / 1000:>11.0f} KB{moved:>8.3f}{busy:>9.1f} ms{longest:>10.1f} ms", flush=True
    )


def _fill(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    (data / "store.db").unlink(missing_ok=True)
    asyncio.run(_fill_store(data))
    (data / "filled").touch()


async def _fill_store(data: Path) -> None:
    now = int(time.time()) // WINDOW * WINDOW
    tables = Tables(SqliteDocuments(data / "store.db", schema(30, 400)))
    for window in range(now - WINDOWS * WINDOW, now, WINDOW):
        bodies = (message(tenant, vm, window, named=KEYS) for tenant in range(TENANTS) for vm in range(VMS))
        while batch := [Message(body, "m", now) for body in islice(bodies, BATCH)]:
            await ingest(tables, batch, Horizon.at(now, KEPT))
    await average(tables, Times(now, 0, KEPT))
    await average(tables, Times(now, 0, KEPT))  # closes the windows
    await tables.documents.close()


def _open(browser: Browser, address: str, ready: str) -> Opened:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(MOVES + USED % json.dumps(ready))
    sizes: list[int] = []

    def weigh(request: Any) -> None:
        if "/v1/" not in request.url:
            taken = request.sizes()
            sizes.append(taken["responseBodySize"] + taken["responseHeadersSize"])

    page.on("requestfinished", weigh)
    page.goto(address, wait_until="commit")
    seconds = page.evaluate("usable") / 1000
    page.wait_for_load_state("networkidle")
    moved = page.evaluate("moved")
    page.close()
    return Opened(seconds, sum(sizes), moved)


def _wait(page: Page, ready: str) -> None:
    expect(page.locator('#main[aria-busy="false"]')).to_be_visible(timeout=60_000)
    expect(page.locator(ready).locator("visible=true").first).to_be_visible(timeout=60_000)


def _refresh(browser: Browser, address: str, ready: str) -> tuple[float, float]:
    """Return the milliseconds of the main thread in a refresh, and of its longest task, by the browser's trace."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.clock.install()
    page.goto(address)
    _wait(page, ready)
    page.wait_for_load_state("networkidle")

    def refresh() -> None:
        with page.expect_response(lambda response: "/v1/" in response.url):
            page.clock.fast_forward(61_000)
        page.wait_for_load_state("networkidle")

    events = _traced(browser, page, refresh)
    page.close()
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        event.get("dur", 0) / 1000
        for event in events
        if event.get("name") == "ThreadControllerImpl::RunTask" and (event.get("pid"), event.get("tid")) in main
    ]
    return sum(tasks), max(tasks, default=0.0)


def _traced(browser: Browser, page: Page, work: Callable[[], None]) -> list[dict[str, Any]]:
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    work()
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    return events
