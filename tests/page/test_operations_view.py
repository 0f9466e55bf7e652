"""The Operations view, on a host of its own: what runs, what was refused, dead letters, tenants and the state."""

import base64
import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect

from domain.invitation import code_of, to_prove
from tests.app.conftest import Local
from tests.builders import a_message, a_record, a_signer, records_of
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, tenant_name, vm_name, where_people_sign_in
from tests.page.looking import IN_A_BROWSER, NEEDS_AXE, PARTS, violations

pytestmark = IN_A_BROWSER

EVIL = "a.<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where people sign in, with a message in quarantine and a dead letter."""
    host = where_people_sign_in(tmp_path_factory.mktemp("operations"), NEWEST)
    bad = a_record(MaskedTenantId=tenant_name(1), MaskedVMName=vm_name(1, 0), timestamp=NEWEST, PerfType=EVIL)
    host.put("bad", a_signer(tenant_name(1)).signed(a_message([bad])))
    host.settled()
    yield host
    host.stop()


@pytest.fixture
def olga(open_page: Callable[..., Page], host: Local) -> Page:
    """A page of an operator."""
    return open_page(base_url=host.address, extra_http_headers={"Authorization": "Bearer olga"})


def part(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Parts of operations").get_by_role("link", name=name).click()


def answer(page: Page, button: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).click()


def test_status_is_said_in_words(olga: Page) -> None:
    olga.goto("/")
    olga.get_by_role("link", name="Operations").click()
    expect(olga.locator("dl div", has_text="Refused today")).to_contain_text("1 input")
    expect(olga.locator("dl div", has_text="Enrolled tenants")).to_contain_text("8")
    expect(olga.locator("dl div", has_text="Waits for averaging")).to_contain_text("0 windows")
    expect(olga).to_have_title(re.compile("^Operations: status"))
    olga.get_by_role("link", name="Look at them").click()
    expect(olga.get_by_role("button", name="Try again").first).to_be_visible()


def test_on_a_phone_it_is_in_view_where_one_is(olga: Page) -> None:
    olga.set_viewport_size({"width": 390, "height": 844})
    olga.goto("/?view=operations&part=tenants")
    expect(olga.get_by_role("link", name="Tenants", exact=True)).to_be_in_viewport(ratio=1)
    expect(olga.get_by_role("link", name="Operations", exact=True)).to_be_in_viewport(ratio=1)


def test_on_paper_there_are_no_links_to_other_parts(olga: Page) -> None:
    olga.goto("/?view=operations")
    expect(olga.locator("dl")).to_be_visible()
    olga.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(olga.get_by_role("navigation", name="Parts of operations")).to_be_hidden()


def test_refused_input_is_shown_as_text_with_its_reason_and_what_to_do(olga: Page) -> None:
    olga.goto("/?view=operations&part=refused")
    olga.get_by_text("Messages", exact=True).first.click()
    expect(olga.locator("#operations")).to_contain_text("What to do: ")
    olga.get_by_role("link", name="Look at it").first.click()
    shown = olga.get_by_label("The input as it came")
    expect(shown).to_contain_text(EVIL)
    expect(olga.locator("#operations img")).to_have_count(0)
    expect(olga.locator("#operations")).to_contain_text("What to do: ")
    olga.reload()
    expect(shown).to_contain_text(EVIL)


def test_a_day_without_refusals_is_good(olga: Page) -> None:
    olga.goto("/?view=operations&part=refused")
    olga.get_by_label("Day, in UTC").fill("2026-01-01")
    expect(olga.get_by_text("Nothing is in quarantine that came on 2026-01-01. Good.")).to_be_visible()
    assert "day=2026-01-01" in olga.url


def test_dropping_asks_once_more_and_running_shows_it(olga: Page, host: Local) -> None:
    day = host.get("/v1/admin/quarantine", headers=host.operator)[1]["day"]
    olga.goto("/?view=operations&part=refused")
    olga.get_by_role("button", name="Drop").first.click()
    answer(olga, "Cancel")
    expect(olga.get_by_role("dialog")).to_have_count(0)
    assert host.get("/v1/admin/quarantine", headers=host.operator)[1]["data"]
    olga.get_by_role("button", name="Drop").first.click()
    expect(olga.get_by_role("dialog")).to_contain_text("1 input in 1 message")
    answer(olga, "Drop")
    expect(olga.locator(".news")).to_contain_text("The input is being dropped")
    part(olga, "Running")
    row = olga.get_by_role("row", name="Drop refused input")
    expect(row).to_contain_text("1 dropped")
    expect(row).to_contain_text("Olga")
    part(olga, "Refused input")
    expect(olga.get_by_text(f"Nothing is in quarantine that came on {day}. Good.")).to_be_visible()


def test_a_message_that_was_dropped_is_left_and_is_said_to_be_gone(browser: Browser, host: Local) -> None:
    bad = a_record(MaskedTenantId=tenant_name(1), MaskedVMName=vm_name(1, 0), timestamp=NEWEST, PerfType="a.b c")
    host.put("worse", a_signer(tenant_name(1)).signed(a_message([bad])))
    host.settled()
    page = browser.new_page(base_url=host.address, extra_http_headers={"Authorization": "Bearer olga"})
    page.goto("/?view=operations&part=refused")
    page.get_by_text("Messages", exact=True).first.click()
    page.get_by_role("link", name="Look at it").first.click()
    expect(page.get_by_label("The input as it came")).to_be_visible()
    page.get_by_role("button", name="Drop").click()
    answer(page, "Drop")
    expect(page.locator(".news")).to_contain_text("The input is being dropped")
    expect(page.get_by_label("The input as it came")).to_have_count(0)
    assert "message=" not in page.url
    page.go_back()
    expect(page.locator("#operations")).to_contain_text("no longer in the quarantine", timeout=30_000)
    expect(page.locator("#problem")).to_be_hidden()
    part(page, "Running")
    expect(page.get_by_role("row", name="Drop refused input").first).to_be_visible()
    expect(page.locator(".news")).to_be_empty()  # it was said of another part
    page.context.close()


def test_a_message_that_the_app_does_not_give_is_not_said_to_be_gone(browser: Browser, host: Local) -> None:
    page = browser.new_page(base_url=host.address, extra_http_headers={"Authorization": "Bearer olga"})
    page.route("**/v1/admin/quarantine/message?**", lambda each: each.fulfill(status=400, json={"detail": "ask less"}))
    page.goto(f"/?view=operations&part=refused&day=2026-01-01&message={'0' * 32}")
    expect(page.get_by_role("alert")).to_contain_text("The server could not answer: ask less.")
    expect(page.get_by_text("no longer in the quarantine")).to_have_count(0)
    page.context.close()


def test_dead_letters_are_resubmitted(olga: Page, host: Local) -> None:
    olga.goto("/?view=operations&part=letters")
    expect(olga.get_by_text("There are no dead letters")).to_be_visible()
    body = a_message(records_of(tenant_name(2), vm_name(2, 0), KEYS[0], [9.0] * 15, NEWEST))
    dead = host.data / "queue/dead/one"
    dead.write_bytes(a_signer(tenant_name(2)).signed(body))
    os.utime(dead, (NEWEST, NEWEST))
    olga.reload()
    expect(olga.get_by_role("row").nth(1)).to_contain_text("15")
    olga.get_by_role("button", name="Resubmit all").click()
    answer(olga, "Resubmit")
    expect(olga.locator(".news")).to_contain_text("go back into the queue")
    expect(olga.get_by_text("There are no dead letters")).to_be_visible()


def joined(host: Local, code: str) -> str:
    """Join as a SPOC does; return the id of its key."""
    key = Ed25519PrivateKey.generate()
    said = {
        "code": code,
        "publicKey": base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        "proof": base64.b64encode(key.sign(to_prove(code_of(code)))).decode(),
    }
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{host.address}/v1/join", json.dumps(said).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return str(json.load(response)["keyId"])


def test_a_customer_is_enrolled_confirmed_and_revoked(olga: Page, host: Local) -> None:
    olga.goto("/?view=operations&part=tenants")
    new = olga.get_by_role("region", name="A new customer")
    new.get_by_label("What people call it").fill("Litware")
    new.get_by_label("Whom to call").fill("Lin, 555 0100")
    new.get_by_role("button", name="Draw a code").click()
    code = olga.get_by_role("region", name="The code").locator("code").inner_text()
    expect(olga.get_by_role("region", name="Litware")).to_contain_text("code unused")
    olga.get_by_role("button", name="I have it: hide it").click()
    expect(olga.get_by_text(code)).to_have_count(0)
    key = joined(host, code)
    olga.reload()
    tenant = olga.get_by_role("region", name="Litware")
    expect(tenant).to_contain_text("awaits confirmation")
    tenant.get_by_role("button", name="Confirm").click()
    expect(olga.get_by_role("dialog")).to_contain_text("Lin, 555 0100")
    expect(olga.get_by_role("dialog")).to_contain_text(" ".join(re.findall("....", key)))
    answer(olga, "It is the same: confirm")
    expect(tenant).to_contain_text("waits for first files")
    tenant.get_by_role("button", name="Revoke").click()
    answer(olga, "Revoke")
    expect(tenant).to_contain_text("every key is revoked")
    tenant.get_by_text("Change", exact=True).click()
    tenant.get_by_label("What people call it").fill("Litware Inc.")
    tenant.get_by_role("button", name="Save").click()
    expect(olga.get_by_role("region", name="Litware Inc.")).to_contain_text("Lin, 555 0100")


def test_the_first_customer_is_enrolled_before_any_data_has_come(open_page: Callable[..., Page], local: Local) -> None:
    page = open_page(base_url=local.start().address)
    page.goto("/?view=operations&part=tenants")
    new = page.get_by_role("region", name="A new customer")
    new.get_by_label("What people call it").fill("Litware")
    new.get_by_label("Whom to call").fill("Lin, 555 0100")
    new.get_by_role("button", name="Draw a code").click()
    expect(page.get_by_role("region", name="The code")).to_contain_text("The code for Litware")
    expect(page.get_by_role("region", name="Litware")).to_contain_text("code unused")


def test_a_double_click_draws_one_code(olga: Page) -> None:
    olga.goto("/?view=operations&part=tenants")
    sent: list[str] = []
    olga.on("request", lambda each: sent.append(each.url) if each.method == "POST" else None)
    new = olga.get_by_role("region", name="A new customer")
    new.get_by_label("What people call it").fill("Adatum")
    new.get_by_label("Whom to call").fill("Ada")
    new.get_by_role("button", name="Draw a code").dblclick()
    expect(olga.get_by_role("region", name="The code")).to_contain_text("The code for Adatum")
    expect(olga.locator("#main")).to_have_attribute("aria-busy", "false")
    assert len(sent) == 1


def running(page: Page) -> list[str]:
    """Answer with an operation that runs until it is stopped, and return the requests that stopped it."""
    item: dict[str, Any] = {
        "instance": "rebuild-0123456789abcdef",
        "kind": "rebuild",
        "command": {"start": NEWEST, "end": None},
    }
    item |= {"by": "Olga", "started": NEWEST, "ended": None, "state": "running", "figures": {}, "error": None}
    progress = {"done": 30, "total": 120, "eta": "2026-11-24T10:00:00Z"}
    stopped: list[str] = []

    def fulfil(route: Any, body: Any) -> None:
        route.fulfill(content_type="application/json", body=json.dumps(body))

    def one(route: Any) -> None:
        fulfil(route, {"id": item["instance"], "state": "running", "progress": progress, "figures": {"windows": 9}})

    def stop(route: Any) -> None:
        stopped.append(route.request.method)
        item.update(state="stopped", ended=NEWEST + 60, error="stopped by Olga")
        fulfil(route, {})

    page.route("**/v1/admin/operations?", lambda route: fulfil(route, {"data": [item]}))
    page.route("**/v1/admin/operations/*?", one)
    page.route("**/v1/admin/operations/*/stop?", stop)
    return stopped


def test_what_runs_shows_its_progress_and_can_be_stopped(olga: Page) -> None:
    stopped = running(olga)
    olga.goto("/?view=operations&part=running")
    shown = olga.get_by_role("region", name="Recompute averages")
    expect(shown.get_by_role("progressbar")).to_have_attribute("value", "30")
    expect(shown).to_contain_text("30 of 120 steps, should be done 24 Nov 2026")
    expect(shown).to_contain_text("So far: 9 windows")
    shown.get_by_role("button", name="Stop").click()
    expect(olga.get_by_role("dialog")).to_contain_text("started by Olga")
    answer(olga, "Cancel")
    assert stopped == []
    shown.get_by_role("button", name="Stop").click()
    answer(olga, "Stop it")
    expect(olga.get_by_role("row", name="Recompute averages")).to_contain_text("stopped by Olga")
    assert stopped == ["POST"]


def test_a_failure_is_said_and_what_was_typed_stays(browser: Browser, host: Local) -> None:
    page = browser.new_page(base_url=host.address, extra_http_headers={"Authorization": "Bearer olga"})
    page.route("**/v1/admin/tenants?", lambda each: each.abort() if each.request.method == "POST" else each.continue_())
    page.goto("/?view=operations&part=tenants")
    new = page.get_by_role("region", name="A new customer")
    new.get_by_label("What people call it").fill("Litware")
    new.get_by_label("Whom to call").fill("Lin")
    new.get_by_role("button", name="Draw a code").click()
    expect(page.locator(".news")).to_contain_text("The server can't be reached")
    expect(new.get_by_label("What people call it")).to_have_value("Litware")
    page.context.close()


def test_a_tenants_person_is_told_whom_to_ask(open_page: Callable[..., Page], host: Local) -> None:
    page = open_page(base_url=host.address, extra_http_headers={"Authorization": "Bearer ted"})
    page.clock.set_fixed_time((NEWEST + 3 * 3600) * 1000)  # the list of counters, as he gets it, is hours behind
    page.goto("/?view=operations&part=tenants")
    expect(page.locator("#empty")).to_contain_text("Only operators see this. You are signed in as Ted")
    expect(page.locator("#status")).to_be_empty()
    expect(page.locator("#operations")).to_be_empty()
    expect(page.get_by_role("link", name="Operations")).to_be_hidden()


@NEEDS_AXE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_any_part(open_page: Callable[..., Page], host: Local, scheme: str) -> None:
    headers = {"Authorization": "Bearer olga"}
    page = open_page(base_url=host.address, extra_http_headers=headers, color_scheme=scheme, bypass_csp=True)
    running(page)
    for name in PARTS:
        page.goto(f"/?view=operations&part={name}")
        expect(page.locator("#operations .part")).to_be_visible()
        assert (name, violations(page)) == (name, [])
