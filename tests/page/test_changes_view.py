"""The fleet view in the order of what changed, in a real browser."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, tenant_name, vm_name
from tests.page.looking import CHART, CPU, IN_A_BROWSER, MEMORY, card

pytestmark = IN_A_BROWSER

CHANGED, USUAL, NOT_COMPARED = "Moved more than usual", "Moved as usual", "Not compared"
HOUR = 3600
END = NEWEST + 900


def a_change(key: str, score: float, **fields: Any) -> dict[str, Any]:
    figures = {"before": 40.0, "after": 52.0, "change": 12.0, "score": score, "worse": True, "vms": 16, "windows": 4}
    return {"key": key, "kind": "fleet", "name": None, **figures, **fields}


def answer_changes(page: Page, *changes: dict[str, Any], **fields: Any) -> list[dict[str, list[str]]]:
    """Answer what changed with these; return the parameters of each question."""
    asked: list[dict[str, list[str]]] = []
    spans = {"start": END - HOUR, "end": END - 1, "beforeStart": END - 2 * HOUR, "beforeEnd": END - HOUR - 1}
    body = json.dumps({"tenant": None, "against": "previous", **spans, "reason": None, "data": changes, **fields})

    def answer(route: Any) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query))
        route.fulfill(content_type="application/json", body=body)

    page.route("**/v1/get-changes**", answer)
    return asked


def cards_of(page: Page, heading: str) -> list[str]:
    cards = page.get_by_role("region", name=heading).locator(".card")
    expect(cards.first).to_be_visible()
    return [str(each.get_attribute("data-key")) for each in cards.all()]


def test_what_changed_most_can_come_first_as_the_api_orders_it(page: Page, filled: Local) -> None:
    page.goto("/?view=fleet&minutes=60")
    expect(page.locator("#against")).to_be_hidden()
    page.get_by_role("combobox", name="Order").select_option("what changed first")
    lead = page.locator("#compared")
    expect(lead).to_contain_text("The fleet, its regions, sizes and tenants: ")
    expect(lead).to_contain_text("compared with the time just before")
    assert "sort=change" in page.url
    _, answer, _ = filled.get("/v1/get-changes?limit=200")
    found = list(dict.fromkeys(each["key"] for each in answer["data"] if abs(each["score"]) >= 5))
    assert found
    assert cards_of(page, CHANGED) == found
    assert len(page.locator(".card").all()) == len(KEYS)
    assert card(page, found[0]).locator(".changes li").count() > 0


def test_a_card_says_what_moved_by_how_much_and_whether_that_is_worse(page: Page) -> None:
    answer_changes(
        page,
        a_change(MEMORY, -21.4, kind="Region", name="westus", after=28.0, worse=False, vms=1),
        a_change(CPU, 12.6),
        a_change(CPU, 9.84, kind="MachineSize", name=None),
        a_change(CPU, 4.9, kind="Region", name="eastus"),
    )
    page.goto("/?sort=change&tz=utc")
    assert cards_of(page, CHANGED) == [MEMORY, CPU]
    assert len(cards_of(page, USUAL)) == len(KEYS) - 2
    expect(card(page, MEMORY).locator(".changes li")).to_have_text(
        ["Region westus (1 VM): 40 % → 28 % (\u221212 points, better), 21 \u00d7 its usual move"]
    )
    expect(card(page, CPU).locator(".changes li")).to_have_text(
        [
            "The whole fleet (16 VMs): 40 % → 52 % (+12 points, worse), 13 \u00d7 its usual move",
            "VMs of unknown size (16 VMs): 40 % → 52 % (+12 points, worse), 9.8 \u00d7 its usual move",
        ]
    )


def test_a_card_opens_the_tenant_that_changed(page: Page) -> None:
    answer_changes(page, a_change(CPU, 12.0, kind="tenant", name=tenant_name(3), vms=2))
    page.goto("/?sort=change")
    cards_of(page, CHANGED)
    card(page, CPU).click()
    expect(page.get_by_role("combobox", name="Tenant", exact=True)).to_have_value(tenant_name(3))
    expect(page.locator("figure")).to_have_count(1)


@pytest.mark.parametrize(("against", "text"), [("day", "yesterday"), ("week", "last week")])
def test_people_choose_what_it_is_compared_with_and_the_address_keeps_it(page: Page, against: str, text: str) -> None:
    page.goto("/?sort=change")
    page.locator("#against").select_option(f"the same time {text}")
    lead = page.locator("#compared")
    expect(lead).to_contain_text(
        "Nothing can be compared: there are no data of the range that this one is compared with"
    )
    assert f"against={against}" in page.url
    assert len(cards_of(page, NOT_COMPARED)) == len(KEYS)
    page.reload()
    expect(page.locator("#against")).to_have_value(against)
    expect(lead).to_contain_text("Nothing can be compared")
    page.get_by_role("combobox", name="Order").select_option("by category")
    expect(lead).to_be_hidden()
    assert "against" not in page.url


def test_if_nothing_moved_more_than_usual_the_page_says_so(page: Page) -> None:
    answer_changes(page, a_change(CPU, 3.0))
    page.goto("/?sort=change")
    expect(page.locator("#compared")).to_contain_text("Nothing moved more than usual.")
    assert len(cards_of(page, USUAL)) == len(KEYS)


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("minutes=60", None, None),
        ("minutes=10080", -25, None),  # 40 counters of 25 windows in both ranges are the most
        (f"start={END - 600}&end={END}", -1, 0),
        (f"start={END - 7 * 86_400}&end={END}", -25, 0),
    ],
    ids=["an hour", "a week", "ten minutes", "a range of a week"],  # all workers must name them alike
)
def test_the_time_range_is_compared_as_far_as_the_api_can(
    page: Page, query: str, start: int | None, end: int | None
) -> None:
    asked = answer_changes(page)
    page.goto(f"/?sort=change&{query}")
    expect(page.locator("#compared")).to_be_visible()
    (given,) = asked
    if start is None or end is None:
        assert "end" not in given
    else:
        assert (int(given["start"][0]), int(given["end"][0])) == (END + start * 900, END + end * 900)
    assert ("start" in given) is (start is not None)


def test_a_tenants_user_is_told_what_changed_of_its_own_tenant(page: Page) -> None:
    own = tenant_name(2)
    me = {"name": "Eve", "role": "tenant", "tenant": own, "signsIn": True}
    page.route("**/v1/me?*", lambda route: route.fulfill(content_type="application/json", body=json.dumps(me)))
    asked = answer_changes(page, a_change(CPU, 8.0, kind="vm", name=vm_name(2, 1), vms=1), tenant=own)
    page.goto("/?sort=change")
    expect(page.locator("#compared")).to_contain_text("Your tenant and its VMs: ")
    assert [each["tenant"] for each in asked] == [[own]]
    expect(card(page, CPU).locator(".changes li")).to_contain_text(f"VM …{vm_name(2, 1)[-12:]}: 40 % → 52 %")
    assert f"vm={vm_name(2, 1)[:10]}" in str(card(page, CPU).get_attribute("href"))


def test_what_changed_is_asked_once_while_people_scroll_and_search(page: Page) -> None:
    asked = answer_changes(page, a_change(CPU, 12.0))
    page.goto("/?sort=change")
    cards_of(page, CHANGED)
    card(page, KEYS[-1]).scroll_into_view_if_needed()
    expect(card(page, KEYS[-1]).locator(CHART)).to_be_visible()
    page.get_by_role("searchbox", name="Search").fill("processor")
    expect(page.get_by_role("region", name=USUAL).locator(".card")).not_to_have_count(len(KEYS) - 1)
    assert len(asked) == 1
