"""The page of the API: contents, anchors, and the example of every endpoint with this app's own answer."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS
from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, where_people_sign_in
from tests.page.looking import IN_A_BROWSER, NEEDS_AXE, violations

pytestmark = IN_A_BROWSER

NEEDS = {"operation_status": "no operation runs", "quarantined": "nothing is in quarantine"}
"""Examples that this app can't have, and why."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where people sign in."""
    host = where_people_sign_in(tmp_path_factory.mktemp("docs"), NEWEST)
    yield host
    host.stop()


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_contents_lead_to_every_endpoint(page: Page, path: str) -> None:
    page.goto(path)
    contents = page.get_by_role("navigation", name="Contents")
    expect(contents.locator("li")).to_have_count(len(ENDPOINTS))
    expect(contents.get_by_role("link").first).to_have_text("get-data")  # where newcomers begin
    contents.get_by_role("link", name="get-tenant-data").click()
    expect(page.get_by_role("heading", name="GET /v1/get-tenant-data")).to_be_in_viewport()
    assert page.url.endswith("#get_tenant_data")
    page.reload()
    expect(page.get_by_role("heading", name="GET /v1/get-tenant-data")).to_be_in_viewport()
    article = page.locator("#get_tenant_data")
    article.get_by_text("Statuses and types").click()
    article.get_by_role("link", name="TenantAnswer", exact=True).click()
    expect(page.get_by_role("heading", name="TenantAnswer", exact=True)).to_be_in_viewport()


def test_every_example_that_asks_shows_this_apps_answer(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator("#all-operations article")).to_have_count(len(ENDPOINTS))
    for endpoint in ENDPOINTS:
        article = page.locator(f"#{endpoint.name}")
        button = article.get_by_role("button", name="Show this app's answer")
        if endpoint.changes or endpoint.name in NEEDS:
            expect(button).to_have_count(0)
            expect(article).to_contain_text("does not run it" if endpoint.changes else "This app has none of this now")
            continue
        button.click()
        expect(article.get_by_role("status")).to_contain_text("Status 200")
        expect(article.get_by_label("This app's answer")).not_to_be_empty()


def test_what_changes_something_shows_a_request_and_an_answer(page: Page) -> None:
    page.goto("/docs")
    article = page.locator("#enrol")
    expect(article.locator(".line code")).to_contain_text("""curl -X POST 'http://127.0.0.1""")
    expect(article.locator(".line code")).to_contain_text("""-d '{"label":"Contoso",""")
    expect(article.get_by_label("An example answer")).to_contain_text('"code": "7ZQ4M-')
    expect(page.locator("#rebuild").get_by_label("An example answer")).to_contain_text('"statusUrl": "/v1/admin/op')


def test_the_example_can_be_copied_and_is_short(open_page: Callable[..., Page]) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/docs")
    article = page.locator("#get_data")
    article.get_by_role("button", name="Copy").click()
    expect(article.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == article.locator(".line code").inner_text()
    page.locator("#counters").get_by_role("button", name="Show").click()
    answer = page.locator("#counters")
    expect(answer.get_by_label("This app's answer")).to_contain_text(f'"… and {len(KEYS) - 3} more"')
    expect(answer.get_by_role("link", name="the whole answer")).to_have_attribute("href", "/v1/counters")


def test_a_tenant_sees_its_own_answers_and_is_told_what_is_not_for_it(
    open_page: Callable[..., Page], guarded: Local
) -> None:
    page = open_page(base_url=guarded.address, extra_http_headers={"Authorization": "Bearer ted"})
    page.goto("/docs")
    for endpoint in ENDPOINTS:
        article = page.locator(f"#{endpoint.name}")
        if endpoint.changes:
            continue
        if not endpoint.for_tenants:
            expect(article).to_contain_text("You may not ask this: you are signed in as one of tenants' people.")
            continue
        article.get_by_role("button", name="Show this app's answer").click()
        expect(article.get_by_role("status")).to_contain_text("Status 200")


@NEEDS_AXE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_an_answer(open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True)
    page.goto("/docs")
    page.locator("#get_data").get_by_role("button", name="Show").click()
    expect(page.locator("#get_data").get_by_label("This app's answer")).to_be_visible()
    assert violations(page) == []


def test_on_a_phone_the_contents_open_at_a_tap(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto("/docs")
    link = page.get_by_role("link", name="get-verdict", exact=True)
    expect(page.locator("#all-operations article")).to_have_count(len(ENDPOINTS))
    expect(link).to_be_hidden()
    page.get_by_text("Contents", exact=True).click()
    link.click()
    expect(page.get_by_role("heading", name="GET /v1/get-verdict")).to_be_in_viewport()
