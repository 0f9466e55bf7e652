"""In the provider's own portal: pages of another origin that is allowed read and frame a view; others can't."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, fill
from tests.page.looking import CPU, IN_A_BROWSER

pytestmark = IN_A_BROWSER

PORTAL = """<!doctype html><script>
  window.heard = [];
  addEventListener("message", (event) => heard.push(event.data));
</script><iframe src="{src}" style="width: 900px; height: 600px"></iframe>"""


class _Portal(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PORTAL.format(src=self.path.partition("frame=")[2]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def portal() -> Iterator[int]:
    """The port of a portal: 127.0.0.1 is its allowed origin, and localhost is another one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def app(portal: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    people = {"olga": {"roles": "operator", "name": "Olga"}}
    settings = {"PRINCIPALS": json.dumps(people), "ALLOWED_ORIGINS": f"http://127.0.0.1:{portal}"}
    host = Local(tmp_path_factory.mktemp("portal") / "data", settings, operator={"Authorization": "Bearer olga"})
    fill(host, NEWEST, windows=2, keys=KEYS[:2])
    yield host
    host.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


READ = """async ([url, how]) => {
  try { const answer = await fetch(url, how); return [answer.status, (await answer.text()).length > 0]; }
  catch (error) { return String(error); }
}"""
WITH_TOKEN = {"headers": {"Authorization": "Bearer olga"}}


def test_a_page_of_an_allowed_origin_reads_and_changes_nothing(page: Page, app: Local, portal: int) -> None:
    page.goto(f"http://127.0.0.1:{portal}/")
    counters = f"{app.address}/v1/counters"
    assert page.evaluate(READ, [counters, WITH_TOKEN]) == [200, True]
    assert page.evaluate(READ, [counters, {}]) == [401, True]
    assert "Failed to fetch" in page.evaluate(READ, [counters, {**WITH_TOKEN, "credentials": "include"}])
    rebuild = f"{app.address}/v1/admin/rebuild?start=2026-01-01"
    assert "Failed to fetch" in page.evaluate(READ, [rebuild, {**WITH_TOKEN, "method": "POST"}])
    operations = app.get("/v1/admin/operations", headers=app.operator)[1]["data"]
    assert {each["by"] for each in operations} <= {"the learning timer"}


def test_a_page_of_another_origin_reads_nothing(page: Page, app: Local, portal: int) -> None:
    page.goto(f"http://localhost:{portal}/")
    assert "Failed to fetch" in page.evaluate(READ, [f"{app.address}/v1/counters", WITH_TOKEN])
    assert "Failed to fetch" in page.evaluate(READ, [f"{app.address}/v1/health", {}])


def hand_over(page: Page, message: object) -> None:
    page.evaluate("(message) => frames[0].postMessage(message, '*')", message)


def test_an_allowed_origin_frames_a_view_and_hands_over_the_token(page: Page, app: Local, portal: int) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://127.0.0.1:{portal}/?frame={app.address}/?embed%26view=compare%26key={CPU}".replace("%26", "&"))
    view = page.frame_locator("iframe")
    expect(view.locator("#problem")).to_contain_text("has not handed over a token")
    expect(view.get_by_role("link", name="Sign in")).to_be_hidden()
    for strange in ({"token": 7}, {"token": "two words"}, "olga", None):
        hand_over(page, strange)
    hand_over(page, {"token": "olga"})
    expect(view.locator("figure .latest .fleet strong")).to_contain_text("%")
    expect(view.locator("#problem")).to_be_hidden()
    for hidden in ("header", "#controls", "#access"):
        expect(view.locator(hidden)).to_be_hidden()
    assert page.evaluate("heard") == []
    assert not [url for url in asked if "olga" in url]
    assert page.evaluate("sessionStorage.length") == 0


def test_another_origin_frames_nothing(page: Page, app: Local, portal: int) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"http://localhost:{portal}/?frame={app.address}/?embed")
    expect(page.frame_locator("iframe").locator("#main")).to_have_count(0)
    assert any("frame-ancestors" in text for text in said)


def test_without_embed_nobody_frames_the_page(page: Page, app: Local, portal: int) -> None:
    page.goto(f"http://127.0.0.1:{portal}/?frame={app.address}/")
    expect(page.frame_locator("iframe").locator("#main")).to_have_count(0)


def test_a_window_that_is_not_the_page_around_it_is_not_listened_to(page: Page, app: Local) -> None:
    page.goto(f"{app.address}/?embed&token=olga")
    expect(page.locator("#problem")).to_contain_text("has not handed over a token")
    page.evaluate("postMessage({ token: 'olga' }, '*')")
    page.get_by_role("button", name="Try again").wait_for(state="hidden")
    expect(page.locator("#problem")).to_contain_text("has not handed over a token")


def test_what_may_frame_is_said_in_the_header(app: Local, portal: int) -> None:
    embedded = app.get("/?embed")[2]["content-security-policy"]
    assert embedded.endswith(f"frame-ancestors http://127.0.0.1:{portal}")
    for path in ("/", "/?view=compare", "/docs?embed"):
        assert app.get(path)[2]["content-security-policy"].endswith("frame-ancestors 'none'")
