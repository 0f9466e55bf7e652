"""The page in a real browser: Debian's Chromium, driven by Playwright."""

import shutil
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

import blueprints.api  # noqa: F401  (which registers them)
from blueprints.endpoints import ENDPOINTS
from domain.minutes import WINDOW
from tests.app.conftest import Local
from tests.builders import KEY, TENANT, VM, a_message, records_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (on Debian: apt install chromium)"),
    # Playwright's own event loop is not closed before the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
WINDOW_START = int(time.time()) // WINDOW * WINDOW - WINDOW
MEMORY = "win_mem.percent_used"


@pytest.fixture(scope="module")
def filled(shared_local: Local) -> Local:
    for key, level in ((KEY, 10.0), (MEMORY, 60.0)):
        shared_local.put(key, a_message(records_of(TENANT, VM, key, [level] * 15, WINDOW_START)))
        shared_local.put(f"{key} 2", a_message(records_of("other", "x", key, [level + 20] * 15, WINDOW_START)))
    shared_local.settled()
    return shared_local


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, filled: Local) -> Iterator[Page]:
    opened = browser.new_page(base_url=f"http://127.0.0.1:{filled.port}")
    problems: list[str] = []
    elsewhere: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: None if "127.0.0.1" in request.url else elsewhere.append(request.url))
    yield opened
    opened.close()
    assert (problems, elsewhere) == ([], [])


def test_it_shows_the_fleet_at_once(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#figures")).to_contain_text("Fleet's average20 %10 % to 30 %")
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(page.locator("figcaption")).to_have_text(f"Processor time ({KEY}): the fleet")
    expect(page.locator("#status")).to_contain_text("newest minute")
    expect(page.locator("#note")).to_have_text("All points are final.")


def test_another_counter_can_be_picked_and_stands_in_the_url(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Counter", exact=True).select_option(MEMORY)
    expect(page.locator("#figures")).to_contain_text("Fleet's average70 %")
    assert f"key={MEMORY}" in page.url
    page.go_back()
    expect(page.locator("#figures")).to_contain_text("Fleet's average20 %")


def test_a_vm_is_shown_beside_its_tenant_and_the_fleet(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Tenant", exact=True).select_option(TENANT)
    expect(page.locator("#figures")).to_contain_text("This VM10 %")
    expect(page.locator("#figures")).to_contain_text("Tenant's average10 %")
    shared = page.url
    page.goto("/")
    page.goto(shared)
    expect(page.locator("#figures")).to_contain_text("This VM10 %")


def test_it_refreshes_itself(page: Page, filled: Local) -> None:
    page.clock.install()
    page.goto("/?key=win_swap.percent_usage")
    expect(page.locator("#figures")).to_contain_text("Fleet's average20 %")
    filled.put("later", a_message(records_of("third", "z", KEY, [50.0] * 15, WINDOW_START)))
    filled.settled()
    page.clock.fast_forward(31_000)
    expect(page.locator("#figures")).to_contain_text("Fleet's average30 %")


def test_a_failure_is_said_in_words_and_can_be_tried_again(page: Page) -> None:
    page.route("**/v1/get-data**", lambda route: route.fulfill(status=200, body="{", headers={}))
    page.goto("/")
    alert = page.get_by_role("alert")
    expect(alert).to_be_visible()
    page.unroute("**/v1/get-data**")
    page.get_by_role("button", name="Try again").click()
    expect(alert).to_be_hidden()
    expect(page.locator("#chart canvas")).to_be_visible()


def test_where_the_app_asks_for_a_key_the_page_asks_for_it_and_keeps_it_in_this_tab(
    browser: Browser, filled: Local
) -> None:
    def guard(route: Route) -> None:
        """As the Functions host guards: no function key, no answer."""
        if route.request.headers.get("x-functions-key") == "the key":
            route.continue_()
        else:
            route.fulfill(status=401)

    page = browser.new_page()  # not the fixture's, which takes the browser's own lines about a 401 for problems
    page.route("**/v1/**", guard)
    page.goto(f"http://127.0.0.1:{filled.port}/")
    for key in ("wrong", "the key"):
        expect(page.locator("#problem")).to_contain_text("access key")
        page.get_by_label("Access key").fill(key)
        page.get_by_role("button", name="Use it").click()
    expect(page.locator("#figures .fleet strong")).to_contain_text("%")
    expect(page.locator("#problem")).to_be_hidden()
    page.reload()
    expect(page.locator("#figures .fleet strong")).to_contain_text("%")
    page.close()


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_api_is_shown_from_its_document(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("#operations section")).to_have_count(len(ENDPOINTS))
    expect(page.locator("#operations")).to_contain_text("GET /v1/get-tenant-data")
    page.get_by_role("link", name="TenantAnswer").click()
    expect(page.locator("#TenantAnswer h3")).to_be_in_viewport()
