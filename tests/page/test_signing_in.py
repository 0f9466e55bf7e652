"""Access keys and sign-in."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, fill, tenant_name, where_people_sign_in
from tests.page.looking import CPU, IN_A_BROWSER, card, opened

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host that asks for keys, and five counters."""
    operator = {"x-functions-key": "sesame"}
    host = Local(tmp_path_factory.mktemp("keyed") / "data", {"KEYS": "sesame", "LOG_LEVEL": "INFO"}, operator=operator)
    fill(host, NEWEST, windows=2, keys=KEYS[:5])
    yield host
    host.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where people sign in, and five counters."""
    host = where_people_sign_in(tmp_path_factory.mktemp("guarded"), NEWEST)
    yield host
    host.stop()


def sign_in(page: Page, host: Local, name: str) -> None:
    page.goto(f"http://127.0.0.1:{host.port}/?view=fleet&minutes=60")
    expect(page.locator("#problem")).to_contain_text("You are not signed in")
    expect(page.get_by_label("Access key")).to_be_hidden()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name=name).click()


def test_it_asks_for_a_key_where_keys_count(browser: Browser, keyed: Local) -> None:
    page = browser.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"http://127.0.0.1:{keyed.port}/?view=fleet&minutes=60")
    for key, said in (("wrong", "An access key is needed."), ("sesame", "This access key is not valid.")):
        expect(page.locator("#problem")).to_contain_text(said)
        expect(page.get_by_role("link", name="Sign in")).to_be_hidden()
        page.get_by_label("Access key").fill(key)
        page.get_by_role("button", name="Use this key").click()
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(page.locator("#who")).to_be_hidden()
    page.reload()
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    assert not [url for url in urls if "sesame" in url]
    assert "sesame" not in keyed.log
    page.context.close()


def test_it_leads_to_the_sign_in_and_back_and_says_who_is_signed_in(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "olga")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    assert page.url.endswith("/?view=fleet&minutes=60")
    expect(page.locator("#who")).to_contain_text("Olga, operator")
    page.get_by_role("link", name="Sign out").click()
    expect(page.locator("#problem")).to_contain_text("You are not signed in")
    expect(page.locator("#who")).to_be_hidden()
    page.context.close()


def test_an_expired_session_becomes_a_button_and_nothing_is_lost(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "olga")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    page.context.clear_cookies()
    opened(page, "Display").get_by_label("Interval").select_option("5")
    expect(page.locator("#problem")).to_contain_text("or your sign-in has expired. What you see is from")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(page.locator("#who")).to_be_hidden()
    page.keyboard.press("Escape")  # closes the controls, which are open over the message
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="olga").click()
    expect(page.locator("#who")).to_contain_text("Olga")
    expect(page.get_by_label("Interval")).to_have_value("5")
    assert "minutes=60" in page.url
    page.context.close()


def test_the_page_of_the_api_leads_to_the_sign_in_and_back(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{guarded.port}/docs")
    page.get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="olga").click()
    expect(page.get_by_role("main")).to_contain_text("/v1/get-data")
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
    browser: Browser, keyed: Local, key: str, said: str
) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{keyed.port}/?view=fleet&minutes=60")
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
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(field).to_be_hidden()
    page.context.close()


def test_a_tenant_sees_its_own_and_is_told_what_is_suppressed(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "ted")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(page.locator("#who")).to_contain_text(f"Ted, for the tenant {tenant_name(0)}")
    expect(page.locator("#suppressed")).to_contain_text("where these tell nothing about another tenant")
    page.get_by_role("link", name="VM", exact=True).click()
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(0))
    assert page.get_by_label("Tenant", exact=True).locator("option").count() == 2
    expect(page.locator(".latest .tenant strong").first).to_contain_text("%")
    expect(page.locator("figure .note").first).to_contain_text("not final yet")
    page.context.close()


def test_who_has_no_access_is_told_so_and_may_sign_in_as_somebody_else(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "eve")
    expect(page.locator("#problem")).to_contain_text("You have no access to this: you are signed in, but have neither")
    page.get_by_role("link", name="Sign in as somebody else").click()
    assert "prompt=select_account" in page.url
    page.get_by_role("link", name="olga").click()
    expect(page.locator("#who")).to_contain_text("Olga")
    page.context.close()
