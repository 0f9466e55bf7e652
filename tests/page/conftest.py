"""Debian's Chromium on the local host with a deterministic fleet."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from domain.minutes import WINDOW
from tests.app.conftest import Local, local, shared_local  # noqa: F401  (fixtures)
from tests.page.fleet import WAITS, fill

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGES_OF_ITS_OWN = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")
"""For these features Chromium loads two hidden pages, of 200 scripts, beside each of ours: half of its time."""
OFF_IN_PLAYWRIGHT = (
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades", "LensOverlay"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"),
    "PreconnectToSearch",
)
"""Playwright turns these off. They are repeated, since Chromium heeds only the last list that it is given."""
SWITCHES = [
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update"),
    *("--disable-gpu", "--disable-software-rasterizer", "--in-process-gpu"),  # no processes for what there is not
    f"--disable-features={','.join((*PAGES_OF_ITS_OWN, *OFF_IN_PLAYWRIGHT))}",
]
NEWEST = int(time.time()) // WINDOW * WINDOW - WINDOW
MOST_MILLISECONDS = 60_000  # of a wait that ends as soon as what is awaited is there: a busy machine may take long
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host that holds the fleet. Its newest window waits for one tenant, for as long as the tests take.

    Each test process has a host of its own, on a copy of data that the first one made.
    """
    ours, made = tmp_path_factory.mktemp("page"), shared_by_processes(tmp_path_factory) / f"page-{NEWEST}"
    made.mkdir(exist_ok=True)
    first = Local(made / "data")
    with (made / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "done").exists():
            fill(first, NEWEST)
            first.stop()
            (made / "done").touch()
    shutil.copytree(first.data, ours / "data")
    host = Local(ours / "data", WAITS).start()
    yield host
    host.stop()


def shared_by_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of tests, of all its processes."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one module: it keeps an event loop running, beside which no asynchronous test can run."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=MOST_MILLISECONDS)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, filled: Local) -> Iterator[Callable[..., Page]]:
    """Opens pages; whatever they complain of, and whatever they ask of others than the host, fails the test."""
    problems: list[str] = []
    elsewhere: list[str] = []
    opened: list[Page] = []

    def open_one(**options: object) -> Page:
        context = browser.new_context(
            **{
                "base_url": f"http://127.0.0.1:{filled.port}",
                "timezone_id": "Asia/Kolkata",
                "locale": "en-GB",
                **options,
            }  # type: ignore[arg-type]
        )
        context.set_default_timeout(MOST_MILLISECONDS)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: None if _is_own(request.url) else elsewhere.append(request.url))
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        page.context.close()
    assert (problems, elsewhere) == ([], [])


def _is_own(url: str) -> bool:
    return "//127.0.0.1:" in url or url.startswith(("blob:", "data:"))


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()
