"""The compare view in a real browser: counters, a VM beside its tenant and the fleet."""

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, tenant_name, value_of, vm_name
from tests.page.looking import COMPARED, CPU, IN_A_BROWSER, MEMORY, legend, opened, shown

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
    assert "vm" not in parse_qs(urlsplit(page.url).query)
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
    assert parse_qs(urlsplit(page.url).query)["key"] == [CPU, MEMORY, "win_swap.percent_usage"]
    page.get_by_role("button", name="Remove Processor time").click()
    expect(page.locator("figure")).to_have_count(2)
    page.locator("figure button").first.click()
    expect(page.locator("figure")).to_have_count(1)
    expect(page.locator("figure button")).to_be_hidden()  # one is always shown
    page.reload()
    expect(page.locator("figure")).to_have_count(1)


def test_what_is_compared_where_nothing_was_chosen_stands_in_the_url(page: Page) -> None:
    page.goto("/?view=compare")
    expect(page.locator("figure")).to_have_count(4)
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(1))
    expect(page.locator(".latest .tenant").first).to_be_visible()
    chosen = parse_qs(urlsplit(page.url).query)
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
