"""Access keys and sign-in."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, fill, tenant_name
from tests.page.looking import CPU, IN_A_BROWSER, card

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host with keys and sign-in, and five counters."""
    people: dict[str, dict[str, str]] = {"olga": {"roles": "operator"}, "ted": {"tenant": tenant_name(0)}, "eve": {}}
    settings = {"KEYS": "sesame", "PRINCIPALS": json.dumps(people), "TENANT_CLAIM": "tenant", "LOG_LEVEL": "INFO"}
    operator = {"x-functions-key": "sesame", "Authorization": "Bearer olga"}
    host = Local(tmp_path_factory.mktemp("guarded") / "data", settings=settings, operator=operator)
    fill(host, NEWEST, windows=2, keys=KEYS[:5])
    yield host
    host.stop()


def sign_in(page: Page, host: Local, name: str) -> None:
    page.goto(f"http://127.0.0.1:{host.port}/?minutes=60")
    for key, said in (("wrong", "An access key is needed."), ("sesame", "This access key is not valid.")):
        expect(page.locator("#problem")).to_contain_text(said)
        page.get_by_label("Access key").fill(key)
        page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#problem")).to_contain_text("You are not signed in")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name=name).click()


def test_it_asks_for_a_key_and_leads_to_the_sign_in_and_back(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    sign_in(page, guarded, "olga")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    assert page.url.endswith("/?minutes=60")
    page.reload()
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    assert not [url for url in urls if "sesame" in url]
    assert "sesame" not in guarded.log
    page.context.close()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("sésame\u2019", "character 7 is “\u2019”"),
        ("ключ", "character 1 is “к”"),
        ("se\U0001f511same", "character 3 is “\U0001f511”"),
        ("sesame\u200b", "character 7 is an invisible character"),
        ("  ", "Enter the access key"),
    ],
)
def test_a_key_that_cannot_be_sent_is_refused_and_can_be_corrected(
    browser: Browser, guarded: Local, key: str, said: str
) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{guarded.port}/?minutes=60")
    field = page.get_by_label("Access key")
    field.fill(key)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Use this key").click()
    expect(page.locator("#access-problem")).to_contain_text(said)
    expect(field).to_be_focused()
    assert (field.input_value(), asked) == (key, [])
    field.fill(" sesame ")
    expect(page.locator("#access-problem")).to_be_empty()
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(field).to_be_hidden()
    page.context.close()


def test_a_tenant_sees_its_own_and_is_told_what_is_suppressed(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "ted")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(page.locator("#suppressed")).to_contain_text("As a tenant's user: of the fleet a tenant is not shown count")
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(0))
    assert page.get_by_label("Tenant", exact=True).locator("option").count() == 2
    expect(page.locator(".latest .vm strong").first).to_contain_text("%")
    expect(page.locator("figure .note").first).to_contain_text("not final yet")
    page.context.close()


def test_who_has_no_access_is_told_so(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "eve")
    said = "You have no access to this: you are signed in, but have neither a role here nor a tenant"
    expect(page.locator("#problem")).to_contain_text(said)
    page.context.close()
