"""The VM view in a real browser: a VM beside its tenant, its peers and the fleet, and on paper."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, tenant_name, value_of, vm_name
from tests.page.learned import OF_VM, SIZE, TENANT, VM, answer, learn, logons, verdict
from tests.page.looking import (
    COMPARED,
    CPU,
    IN_A_BROWSER,
    MEMORY,
    RECORD,
    choice,
    fleet_item,
    labels,
    legend,
    opened,
    shown,
)

pytestmark = IN_A_BROWSER


def test_a_vm_stands_beside_its_tenant_and_the_fleet(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="VM", exact=True).click()
    expect(page.locator("figure")).to_have_count(4)
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(1))
    latest = page.locator("figure").first.locator(".latest")
    number, minute = KEYS.index(CPU), NEWEST // 60 + 14
    one, other = (value_of(number, 1, vm, minute) for vm in (0, 1))
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 0))
    expect(latest.locator(".vm strong")).to_have_text(shown(one))
    expect(latest.locator(".tenant strong")).to_have_text(shown((one + other) / 2))
    expect(latest.locator(".fleet strong")).to_contain_text("%")
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 1))
    expect(latest.locator(".vm strong")).to_have_text(shown(other))


def test_a_tenant_stands_beside_the_fleet_without_a_vm(page: Page) -> None:
    page.goto(f"/?view=compare&key={CPU}")
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(1))
    figure = page.locator("figure")
    number, minute = KEYS.index(CPU), NEWEST // 60 + 14
    mean = sum(value_of(number, 1, vm, minute) for vm in (0, 1)) / 2
    expect(figure.locator(".latest")).to_contain_text(f"the tenant {shown(mean)}")
    expect(figure.locator(".latest .fleet strong")).to_contain_text("%")
    expect(page.get_by_label("VM", exact=True).locator("option:checked")).to_have_text("all VMs of the tenant")
    assert "vm" not in choice(page)
    names = legend(page, 0)
    assert "Tenant average" in names
    assert "This VM" not in names
    figure.get_by_text("Data table").click()
    heads = ["Time", "Fleet average", "Minimum", "Maximum", "Tenant average", "Final"]
    expect(figure.locator(".rows thead th")).to_have_text(heads)
    expect(figure.locator(".rows tbody tr").first.locator("td").nth(3)).to_have_text(shown(mean))
    expect(figure.locator(".chart")).to_have_attribute("aria-label", re.compile(rf" The tenant: {shown(mean)} at "))
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 0))
    expect(figure.locator(".latest .vm strong")).to_contain_text("%")
    page.get_by_label("VM", exact=True).select_option("")
    expect(figure.locator(".latest .vm")).to_have_count(0)
    with page.expect_download() as caught:
        opened(page, "Save").get_by_role("button", name="Save CSV").click()
    header, *rows = caught.value.path().read_text().splitlines()
    saved = dict(zip(header.split(","), rows[-1].split(","), strict=True))
    assert (shown(float(saved["tenantAverage"])), saved["PerfValue"]) == (shown(mean), "")


def test_counters_can_be_added_and_removed(page: Page) -> None:
    page.goto(COMPARED)
    expect(page.locator("figure")).to_have_count(2)
    page.get_by_label("Counters", exact=True).select_option("win_swap.percent_usage")
    expect(page.locator("figure")).to_have_count(3)
    assert choice(page)["key"] == [CPU, MEMORY, "win_swap.percent_usage"]
    page.get_by_role("button", name="Remove Processor time").click()
    expect(page.locator("figure")).to_have_count(2)
    page.locator("figure button").first.click()
    expect(page.locator("figure")).to_have_count(1)
    expect(page.locator("figure button")).to_be_hidden()  # one is always shown
    page.reload()
    expect(page.locator("figure")).to_have_count(1)


def test_where_nothing_is_unusual_the_first_counters_are_those_with_data_that_people_look_at(page: Page) -> None:
    def without_cpu(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["data"] = [each for each in body["data"] if f"{each['PerfType']}.{each['PerfName']}" != CPU]
        route.fulfill(response=answer, json=body)

    page.route("**/v1/get-tenant-data?**", without_cpu)
    page.goto(f"/?view=vm&tenant={quote(TENANT, safe='')}&vm={quote(VM, safe='')}")
    titles = page.locator("figure .title")
    first = ["Memory used", "Input delay", "Active sessions", "Disk space free"]
    expect(titles).to_have_text([re.compile(f"^{each}") for each in first])


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_table_of_a_vm_is_cut(page: Page, width: int) -> None:
    answer(page, "get-verdict", verdict())
    answer(page, "get-logons", logons())
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(COMPARED)
    tables = page.locator("#vm-view .table")
    expect(tables).to_have_count(2)
    assert tables.evaluate_all("(all) => all.map((each) => each.scrollWidth - each.clientWidth)") == [0, 0]


def test_what_is_compared_where_nothing_was_chosen_stands_in_the_url(page: Page) -> None:
    page.goto("/?view=compare")
    expect(page.locator("figure")).to_have_count(4)
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(1))
    expect(page.locator(".latest .tenant").first).to_be_visible()
    chosen = choice(page)
    assert (len(chosen["key"]), chosen["tenant"], "vm" in chosen) == (4, [tenant_name(1)], False)


def test_one_cursor_shows_the_values_of_all_charts(page: Page) -> None:
    page.goto(COMPARED)
    over = page.locator("figure").first.locator(".u-over")
    over.hover()
    expect(page.locator("figure").nth(1).locator(".u-series td").nth(3)).to_contain_text("%")
    first, second = legend(page, 0), legend(page, 1)
    assert first["Time"] == second["Time"] != "--"
    assert {
        "Fleet average",
        "Fleet minimum",
        "Fleet maximum",
        "Tenant average",
        "This VM",
        "VMs",
        "Coverage",
    } <= set(first)
    assert all(first[name].endswith("%") for name in ("Fleet average", "Tenant average", "This VM", "Coverage"))
    assert first["Fleet average"] != second["Fleet average"]


def test_the_keys_move_the_cursor_of_all_charts(page: Page) -> None:
    page.goto(COMPARED)
    expect(page.locator("figure canvas")).to_have_count(2)
    page.locator("figure .chart").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("figure").nth(1).locator(".u-series td").first).not_to_have_text("--")
    first, second = legend(page, 0), legend(page, 1)
    assert first["Time"] == second["Time"]
    assert second["This VM"].endswith("%")


def test_what_is_usual_vms_of_its_size_and_the_day_before_stand_beside_it(page: Page) -> None:
    learn(page)
    begins = NEWEST - 3600
    items = [
        fleet_item(CPU, begins + 30 + 60 * minute, 50, PerfValue=60.0, tenantAverage=55, expected=40, low=30, high=45)
        for minute in range(60)
    ]
    known = {"key": CPU, "history": 28, "timeZone": "UTC", "reason": None}
    body = {"start": begins + 30, "end": NEWEST - 30, "suppressed": None, "data": items, "baselines": [known]}
    asked = answer(page, "get-tenant-data", body)
    vms = [{"vm": VM, "MachineSize": SIZE, "ResourcePoolName": "Pool 1", "newest": NEWEST}]
    answer(page, "vms", {"data": vms})
    groups = [
        {"window": begins + 900 * at, "group": SIZE, "average": 33.0, "p95": 48.0, "min": 12.0} for at in range(4)
    ]
    peers = answer(page, "get-groups", {"data": groups})
    page.goto(f"{OF_VM}&key={CPU}&minutes=60")
    expect(page.locator("figure canvas")).to_be_visible()
    told = legend(page, 0)
    assert (told["Usual, low"], told["Usual, high"], told["This VM"]) == ("30 %", "45 %", "60 %")
    assert (told[f"VMs of its size, {SIZE}"], told["Its size, lowest"], told["Its size, 95 % below"]) == (
        "33 %",
        "12 %",
        "48 %",
    )
    expect(page.locator("figure .note").first).to_contain_text("a band from the lowest to the value that 95 % of them")
    assert (asked[0]["baseline"], peers[0]["groupBy"]) == (["true"], ["MachineSize"])
    expect(page.locator("figure .note").first).to_contain_text("Grey: what is usual for this VM at this hour")
    page.get_by_label("Compared with").select_option("yesterday")
    page.wait_for_url("**before=day**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    assert int(asked[-1]["end"][0]) == NEWEST - 30 - 86_400


def test_a_legend_tells_the_newest_values_while_nothing_is_pointed_at(page: Page) -> None:
    page.goto(COMPARED)
    expect(page.locator("figure canvas")).to_have_count(2)
    rows = page.locator("figure").first.locator(".u-series").filter(visible=True)
    told = {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows.all()}
    assert len(told) > 5
    assert not {"--", "\u2013", ""} & set(told.values())
    page.locator("figure .u-over").first.hover(position={"x": 40, "y": 40})
    expect(page.locator("figure").first.locator(".u-series td").first).not_to_have_text(told["Time"])
    page.mouse.move(0, 0)
    expect(page.locator("figure").first.locator(".u-series td").first).to_have_text(told["Time"])


def test_a_saved_picture_says_whose_it_is_of_when_and_what_its_lines_are(page: Page) -> None:
    page.add_init_script(RECORD)
    page.goto(f"{COMPARED}&minutes=60")
    expect(page.locator("figure canvas")).to_have_count(2)
    with page.expect_download():
        opened(page, "Save").get_by_role("button", name="Save PNG").click()
    written = " ".join(each["text"] for each in page.evaluate("drawn"))
    whose_and_when = ("VM ", " of ", "last hour", "time zone local")
    assert [each for each in (*whose_and_when, "Memory used", CPU, "This VM:") if each not in written] == []


def test_on_paper_there_are_title_range_and_whole_charts_but_no_controls(open_page: Callable[..., Page]) -> None:
    page = open_page(color_scheme="dark", viewport={"width": 1440, "height": 900})
    page.goto(f"{COMPARED}&minutes=60")
    expect(page.locator("figure canvas")).to_have_count(2)
    wide = page.locator("figure canvas").first.evaluate("each => each.clientWidth")
    dark = page.evaluate("getComputedStyle(document.body).color")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.get_by_label("Time range")).to_be_hidden()
    expect(page.get_by_role("navigation", name="Views")).to_be_hidden()
    expect(page.locator("#paper-title")).to_contain_text(re.compile(r"VM .+ of .+last hour · time zone local"))
    assert page.evaluate("getComputedStyle(document.body).color") != dark
    for canvas in page.locator("figure canvas").all():
        assert 400 < canvas.evaluate("each => each.clientWidth") < 688
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#paper-title")).to_have_count(0)
    assert page.locator("figure canvas").first.evaluate("each => each.clientWidth") == wide
    assert page.pdf()[:4] == b"%PDF"


def test_times_are_in_the_languages_that_a_person_asks_for(open_page: Callable[..., Page]) -> None:
    """Not in that of the browser's menus, where these differ."""
    page = open_page(locale="en-US")
    page.add_init_script("Object.defineProperty(Navigator.prototype, 'languages', {get: () => ['de-DE', 'en']})")
    page.add_init_script(RECORD)
    page.goto(f"/?key={CPU}&start={NEWEST - 3_600}&end={NEWEST}")
    expect(page.locator("figure canvas")).to_be_visible()
    assert re.match(r"\d\d?\. \w+\.? \d{4}, \d\d:\d\d ", legend(page, 0)["Time"])
    assert not [each["text"] for each in labels(page) if re.search("AM|PM", each["text"])]
