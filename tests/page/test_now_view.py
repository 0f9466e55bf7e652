"""The first page in a real browser: how the fleet is, what is unusual, and how that leads to a VM."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from domain.minutes import WINDOW
from tests.page.conftest import NEWEST
from tests.page.fleet import tenant_name, vm_name
from tests.page.looking import CHART, CPU, IN_A_BROWSER, MEMORY, a_finding, answer_unusual, choice, problem

pytestmark = IN_A_BROWSER

DELAY, DEFENDER = "win_session.input_delay_ms", "win_service.WinDefend"
TENANT, SLOW = tenant_name(1), vm_name(1, 0)
LAST = NEWEST - WINDOW  # the newest complete window
SHORT = f"…{SLOW[-12:]}"


def a_vm(vm: str = SLOW, **fields: Any) -> dict[str, Any]:
    whose = {"kind": "vm", "tenant": TENANT, "name": vm, "vms": 1, "of": 1}
    return a_finding(
        DELAY, **{**whose, "sentence": "Input delay 192 ms, usually 30 ms to 40 ms at this hour.", **fields}
    )


def answer(page: Page, path: str, **body: Any) -> list[dict[str, list[str]]]:
    """Answer a question with this; return the parameters of each time that it is asked."""
    asked: list[dict[str, list[str]]] = []

    def once(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query))
        route.fulfill(content_type="application/json", body=json.dumps(body))

    page.route(f"**/v1/{path}**", once)
    return asked


def section(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def test_one_sentence_says_how_the_fleet_is_and_of_when(page: Page) -> None:
    answer_unusual(page, a_vm(), a_vm(vm_name(1, 1)), a_finding(CPU, kind="pool", tenant=TENANT, name="P"), judged=61)
    page.goto("/")
    expect(page.locator("#now .lead")).to_have_text(
        "1 pool is unusual as a group; 2 of 61 VMs are unusual by themselves; "
        "all regions, VM sizes and tenants are as usual."
    )
    expect(page.locator("#now")).to_contain_text(
        re.compile(r"Newest complete quarter hour: .* VMs push every 15 min\.")
    )
    expect(page).to_have_title(re.compile("^Now: 3 unusual"))
    expect(page.get_by_role("link", name="Now", exact=True)).to_have_attribute("aria-current", "page")


def test_what_is_notable_comes_first_and_each_line_has_its_sentence_its_chart_and_its_link(page: Page) -> None:
    answer_unusual(page, a_finding(CPU, notable=False, sentence="Lower."), a_vm(also=f"{CPU} {MEMORY}"))
    page.goto("/?tz=utc")
    first = section(page, "Worth a look first").get_by_role("listitem")
    expect(first).to_have_count(1)
    expect(first).to_contain_text("Input delay 192 ms, usually 30 ms to 40 ms at this hour.")
    expect(first).to_contain_text("Also: Processor time, Memory used.")
    expect(first).to_contain_text(re.compile(r"since \d\d:\d\d, 45 min"))
    expect(first.locator(CHART)).to_be_visible()
    expect(first.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"^Input delay, .* at last [\d.]+ ms"))
    expect(section(page, "Also unusual").get_by_role("listitem")).to_contain_text("Region westus")
    assert first.bounding_box()["y"] < section(page, "Also unusual").bounding_box()["y"]  # type: ignore[index]


def test_the_slow_vm_is_found_in_one_step_by_mouse(page: Page) -> None:
    answer_unusual(page, a_finding(CPU, notable=False), a_vm(why="always", sentence="As always: Input delay 192 ms."))
    page.goto("/")
    page.get_by_role("link", name=SHORT).click()
    page.wait_for_url("**view=vm&**")
    chosen = choice(page)
    assert (chosen["view"], chosen["tenant"], chosen["vm"], chosen["key"]) == (["vm"], [TENANT], [SLOW], [DELAY])
    expect(page.locator("figcaption").filter(visible=True)).to_contain_text("Input delay")
    page.go_back()
    expect(page.get_by_role("link", name=SHORT)).to_be_visible()


def test_the_slow_vm_is_found_by_keyboard(page: Page) -> None:
    answer_unusual(page, a_vm())
    page.goto("/")
    link = page.get_by_role("link", name=SHORT)
    expect(link).to_be_visible()
    page.locator("#to-now").focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if link.evaluate("each => each === document.activeElement"):
            break
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("figcaption").filter(visible=True)).to_contain_text("Input delay")
    assert f"vm={SLOW[:10]}" in page.url


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "region", "name": "westus"}, {"view": "vms", "key": DELAY, "region": "westus"}),
        ({"kind": "size", "name": "D4"}, {"view": "vms", "key": DELAY, "size": "D4"}),
        (
            {"kind": "pool", "tenant": TENANT, "name": "P"},
            {"view": "where", "key": DELAY, "tenant": TENANT, "pool": "P"},
        ),
        ({"kind": "tenant", "tenant": TENANT, "name": None}, {"view": "where", "key": DELAY, "tenant": TENANT}),
        ({"kind": "region", "name": None}, {"view": "vms", "key": DELAY}),
        ({"kind": "fleet", "name": None}, {"view": "where", "key": DELAY}),
    ],
    ids=["region", "size", "pool", "tenant", "unknown region", "fleet"],
)
def test_a_group_leads_to_its_vms_or_its_parts(page: Page, fields: dict[str, Any], expected: dict[str, str]) -> None:
    answer_unusual(page, a_finding(DELAY, **fields))
    page.goto("/")
    link = section(page, "Worth a look first").get_by_role("link")
    address = str(link.get_attribute("href"))
    assert {name: value for name, (value,) in parse_qs(address.removeprefix("?")).items()} == expected


def test_silent_vms_and_stopped_services_are_listed_by_name(page: Page) -> None:
    stopped = {"why": "stopped", "key": DEFENDER, "sentence": "Microsoft Defender is stopped."}
    answer_unusual(page, a_vm(why="silent", key=None), a_vm(**stopped), a_vm(vm_name(1, 1), **stopped))
    page.goto("/")
    expect(page.locator("#now .lead")).to_contain_text("1 VM is silent; 1 service is stopped on 2 VMs")
    expect(section(page, "Silent VMs").get_by_role("link")).to_have_text([re.compile(re.escape(SHORT))])
    services = section(page, "Stopped services")
    expect(services.locator("dt")).to_have_text(["Microsoft Defender"])
    expect(services.get_by_role("link")).to_have_count(2)
    assert "key" not in str(section(page, "Silent VMs").get_by_role("link").get_attribute("href"))


def test_if_nothing_is_unusual_that_is_said_as_good_news_with_figures(page: Page) -> None:
    answer_unusual(page, judged=60)
    page.goto("/")
    expect(page.locator("#now .lead")).to_have_text(
        "All 60 VMs are as usual; all regions, VM sizes, tenants and pools are as usual."
    )
    expect(page.locator("#now")).to_contain_text(
        "None of 60 VMs has stayed outside of what is normal for most of the last hour."
    )
    expect(page).to_have_title(re.compile("^Now: all as usual"))


def test_while_nothing_is_learned_it_says_how_many_days_there_are(page: Page) -> None:
    """This host has learned nothing."""
    page.goto("/")
    expect(page.locator("#now .lead")).to_contain_text("It is not known yet what is normal: 0 days of data have been")
    expect(page.locator("#now .lead")).to_contain_text("from at least 3 days of data")
    expect(section(page, "What changed")).to_contain_text("Nothing can be compared")  # there is no yesterday


def test_what_changed_is_against_yesterday_unless_another_time_is_chosen(page: Page) -> None:
    answer_unusual(page)
    change = {"key": CPU, "kind": "fleet", "name": None, "before": 40.0, "after": 52.0, "change": 12.0, "score": 12.6}
    found: dict[str, Any] = {
        "tenant": None,
        "start": LAST - 3600,
        "end": LAST - 1,
        "reason": None,
        "beforeStart": LAST - 90_000,
        "beforeEnd": LAST - 86_401,
        "data": [{**change, "worse": True, "vms": 16, "windows": 4}],
    }
    asked = answer(page, "get-changes", against="day", **found)
    page.goto("/")
    changed = section(page, "What changed")
    expect(changed).to_contain_text("The whole fleet (16 VMs): 40 % → 52 % (+12 points, worse), 13 × its usual move")  # noqa: RUF001
    assert (asked[-1]["against"], "start" in asked[-1]) == (["day"], False)
    asked = answer(page, "get-changes", against="week", **found)
    page.get_by_role("combobox", name="What changed, against").select_option("the same time last week")
    expect(page.get_by_role("combobox", name="What changed, against")).to_have_value("week")
    page.wait_for_url("**against=week*")
    expect(changed).to_contain_text("compared with the same time last week")
    expect(changed.get_by_role("link", name="All that changed, by counter")).to_be_visible()
    assert asked[-1]["against"] == ["week"]


def test_what_changed_is_not_said_of_another_time_than_the_chosen_one(page: Page) -> None:
    answer_unusual(page)
    answer(page, "get-changes", tenant=None, against="day", reason="of yesterday", data=[])
    page.goto("/")
    changed = section(page, "What changed")
    expect(changed).to_contain_text("of yesterday")
    page.route("**/v1/get-changes**", lambda _: None)  # waits
    page.get_by_role("combobox", name="What changed, against").select_option("the same time last week")
    expect(changed).to_contain_text("Comparing …")
    expect(changed).not_to_contain_text("of yesterday")
    page.unroute_all(behavior="ignoreErrors")


def test_a_refresh_moves_nothing_and_asks_for_no_chart_again(page: Page) -> None:
    page.clock.install()
    answer_unusual(page, a_vm())
    page.goto("/")
    chart = section(page, "Worth a look first").locator(CHART)
    expect(chart).to_be_visible()
    page.evaluate("window.line = document.querySelector('.finding')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/v1/get-unusual**"):
        page.clock.fast_forward(61_000)
    expect(chart).to_be_visible()
    assert page.evaluate("window.line === document.querySelector('.finding')")
    assert [url for url in asked if "get-tenant-data" in url] == []


def test_what_changed_leads_to_all_changes_in_the_same_time_zone(page: Page) -> None:
    answer_unusual(page)
    change = {"before": 40.0, "after": 52.0, "change": 12.0, "score": 12.6, "worse": True, "vms": 16, "windows": 4}
    spans = {"start": LAST - 3600, "end": LAST - 1, "beforeStart": LAST - 90_000, "beforeEnd": LAST - 86_401}
    data = [{"key": CPU, "kind": "fleet", "name": None, **change}]
    answer(page, "get-changes", tenant=None, against="day", reason=None, **spans, data=data)
    page.goto("/?tz=utc")
    link = section(page, "What changed").get_by_role("link", name="All that changed, by counter")
    chosen = parse_qs(str(link.get_attribute("href")).removeprefix("?"))
    assert chosen == {"view": ["fleet"], "sort": ["change"], "against": ["day"], "minutes": ["60"], "tz": ["utc"]}


def test_a_chart_that_failed_is_asked_for_again(page: Page) -> None:
    page.clock.install()
    refusing = True

    def answer_it(route: Route) -> None:
        if refusing:
            route.fulfill(content_type="text/plain", body="no")
        else:
            route.fallback()

    page.route("**/v1/get-tenant-data**", answer_it)
    answer_unusual(page, a_vm())
    page.goto("/")
    first = section(page, "Worth a look first")
    expect(first).to_contain_text("The chart can't be loaded.")
    refusing = False
    with page.expect_response("**/v1/get-unusual**"):
        page.clock.fast_forward(61_000)
    expect(first.locator(CHART)).to_be_visible()


def test_while_a_vm_is_silent_or_a_group_has_stopped_services_nothing_is_called_good(page: Page) -> None:
    told = "Microsoft Defender runs on fewer VMs than usual at this hour."
    group = {"kind": "pool", "tenant": TENANT, "name": "P", "vms": 0, "of": 20}
    answer_unusual(page, a_finding(DEFENDER, why="stopped", sentence=told, **group))
    page.goto("/")
    expect(section(page, "Stopped services")).to_contain_text(told)
    expect(page.locator("#now")).not_to_contain_text("0 of 20 VMs")
    expect(page.locator("#now")).not_to_contain_text("stayed outside")


def test_a_chart_that_cannot_be_loaded_says_so_and_leaves_the_rest(page: Page) -> None:
    page.route("**/v1/get-tenant-data**", lambda route: route.fulfill(content_type="text/plain", body="no"))
    answer_unusual(page, a_vm())
    page.goto("/")
    expect(section(page, "Worth a look first")).to_contain_text("The chart can't be loaded.")
    expect(problem(page)).to_be_hidden()


def test_a_tenants_user_sees_its_own_tenant(page: Page) -> None:
    me = {"name": "Eve", "role": "tenant", "tenant": TENANT, "signsIn": True}
    page.route("**/v1/me?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(me)))
    asked = answer(
        page,
        "get-unusual",
        window=LAST,
        tenant=TENANT,
        judged=2,
        coverage=1.0,
        final=True,
        reason=None,
        data=[a_vm()],
    )
    page.goto("/")
    expect(page.locator("#now .lead")).to_have_text("1 of 2 VMs is unusual by itself; all pools are as usual.")
    assert [each["tenant"] for each in asked] == [[TENANT]]


def test_who_may_not_ask_is_told_so(browser: Any, filled: Any) -> None:
    page = browser.new_page()
    refusal = json.dumps({"detail": "only an operator may ask this"})
    page.route("**/v1/get-unusual**", lambda route: route.fulfill(status=403, body=refusal))
    page.goto(f"http://127.0.0.1:{filled.port}/")
    expect(problem(page)).to_contain_text("You have no access to this: only an operator may ask this.")
    page.close()
