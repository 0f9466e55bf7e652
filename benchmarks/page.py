"""Measures the page in Chromium with 40 counters of a day: the time until usable, the bytes, the time of a refresh."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.fleet import message
from domain.minutes import WINDOW
from tests.app.conftest import Local
from tests.page.conftest import CHROMIUM, SWITCHES

TIMES = 7
DAY = "/?minutes=1440"


def bench_page() -> None:
    """Fill a day, then open the page several times, each time with an empty cache."""
    if CHROMIUM is None:
        print("page                skipped: it needs Chromium")
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a browser and a server
    window = int(time.time()) // WINDOW * WINDOW - WINDOW
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        host = Local(Path(folder) / "data").start()
        try:
            for back in range(97):
                for tenant in range(4):
                    host.put(f"w{back}-{tenant}", message(tenant, 0, window - back * WINDOW))
            host.settled()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            address = f"http://127.0.0.1:{host.port}"
            usable, weight = zip(*(_open(browser, address) for _ in range(TIMES)), strict=True)
            print(f"page usable         {statistics.median(usable):>12.2f} s, 40 counters of 24 hours (under 1)")
            print(f"  before data       {weight[0] / 1000:>12.0f} KB over the wire (under 150)")
            busy = statistics.median(_refresh(browser, address) for _ in range(TIMES))
            print(f"  a refresh         {busy:>12.1f} ms of the main thread (under 50)")
            browser.close()
        finally:
            host.stop()


def _open(browser: Browser, address: str) -> tuple[float, int]:
    """Return the seconds until the cards in view are drawn, and the bytes loaded without the data."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    sizes: list[int] = []

    def weigh(request: Any) -> None:
        if "/v1/" not in request.url:
            taken = request.sizes()
            sizes.append(taken["responseBodySize"] + taken["responseHeadersSize"])

    page.on("requestfinished", weigh)
    start = time.perf_counter()
    page.goto(address + DAY)
    expect(page.locator('#main[aria-busy="false"] .card canvas').first).to_be_visible()
    seconds = time.perf_counter() - start
    page.close()
    return seconds, sum(sizes)


def _refresh(browser: Browser, address: str) -> float:
    """Return the milliseconds of the page's main thread for a refresh, from the browser's own trace."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.clock.install()
    page.goto(address + DAY)
    expect(page.locator('#main[aria-busy="false"] .card canvas').first).to_be_visible()
    page.wait_for_load_state("networkidle")

    def refresh() -> None:
        with page.expect_response(lambda response: "aggregationBy" in response.url):
            page.clock.fast_forward(61_000)
        page.wait_for_load_state("networkidle")

    events = _traced(browser, page, refresh)
    page.close()
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    by_thread: dict[tuple[int, int], float] = {}
    for event in events:
        at = (event.get("pid"), event.get("tid"))
        if event.get("name") == "ThreadControllerImpl::RunTask" and at in main:
            by_thread[at] = by_thread.get(at, 0) + event.get("dur", 0) / 1000
    return max(by_thread.values())


def _traced(browser: Browser, page: Page, work: Callable[[], None]) -> list[dict[str, Any]]:
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    work()
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    return events
