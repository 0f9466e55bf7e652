"""What was learned of a VM, in its view: the verdict first, then what ran out, what will, and when people come."""

import re
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.page.conftest import NEWEST
from tests.page.fleet import vm_name
from tests.page.learned import FREE, OF_VM, TENANT, answer, capacity, learn, verdict
from tests.page.looking import (
    CPU,
    IN_A_BROWSER,
    MEMORY,
    choice,
    fleet_item,
)

pytestmark = IN_A_BROWSER


def test_the_verdict_is_said_first_with_its_evidence(page: Page) -> None:
    learn(page)
    page.goto(OF_VM)
    said = page.get_by_role("region", name="Verdict", exact=True)
    expect(said.get_by_role("heading")).to_have_text("It is not only this VM: its region is unusual.")
    expect(said).to_contain_text("4 of 10 VMs are unusual in this way")
    expect(said).not_to_contain_text(TENANT)  # but its short name
    row = said.locator("tr", has_text="Its region, westeurope")
    expect(row.locator("td")).to_have_text(["31 %", "25\u00a0\u2013\u00a035\u00a0%", "9 of 10 VMs", "82 % of VMs"])
    expect(said).to_contain_text("What is usual is known from 28 days, by the clocks of Asia/Kolkata")


def test_the_charts_of_a_vm_begin_with_what_the_verdict_names(page: Page) -> None:
    learn(page)
    page.goto(OF_VM)
    expect(page.locator("figure .title")).to_have_text([re.compile("^Disk space free"), re.compile("^Processor time")])
    assert choice(page)["key"] == [FREE, CPU]
    page.unroute("**/v1/get-verdict?**")
    answer(page, "get-verdict", verdict("none"))
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 1))
    expect(page.locator("figure")).to_have_count(4)


def test_a_vm_that_is_bad_as_always_is_not_called_usual_and_its_charts_show_that(page: Page) -> None:
    learn(page)
    page.unroute("**/v1/get-verdict?**")
    answer(page, "get-verdict", {**verdict("none"), "always": [MEMORY]})
    page.goto(OF_VM)
    said = page.get_by_role("region", name="Verdict", exact=True)
    expect(said.get_by_role("heading")).to_contain_text("as always worse than most VMs of its size")
    expect(page.locator("figure .title")).to_have_text([re.compile("^Memory used")])


def test_counters_that_a_person_chose_stay_for_another_vm(page: Page) -> None:
    learn(page)
    page.goto(f"{OF_VM}&key={MEMORY}")
    expect(page.locator("figure canvas")).to_have_count(1)
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 1))
    page.wait_for_url(f"**vm={quote(vm_name(1, 1), safe='')}**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    assert choice(page)["key"] == [MEMORY]


def test_what_will_run_full_and_when_people_come_is_said_of_the_vm(page: Page) -> None:
    learn(page)
    page.goto(OF_VM)
    out = page.get_by_role("region", name="What ran out, and what will")
    expect(out).to_contain_text("Disk space free reaches 5 % between 3 Jan 2027 and 16 Jan 2027: it is at 37.8 %")
    expect(out).to_contain_text("Never at its limit in this range: Processor time (95 % or more)")
    habits = page.get_by_role("region", name="When people log on").locator("tbody tr")
    expect(habits.nth(0).locator("td")).to_have_text(
        ["96.6 %", "about 08:12 (08:02 to 18:29)", "about 18:14 (08:02 to 18:29)"]
    )
    expect(habits.nth(1).locator("td")).to_have_text(["2 %", "\u2013", "\u2013"])


def test_of_a_new_vm_it_is_not_known_what_will_run_full(page: Page) -> None:
    learn(page)
    answer(page, "get-capacity", capacity(data=[], of=2, tooYoung=2))
    page.goto(OF_VM)
    out = page.get_by_role("region", name="What ran out, and what will")
    expect(out).to_contain_text(
        "Disk space free: it is not known when it reaches 5 %: there are values of fewer than 21"
    )


def test_what_ran_out_is_said_with_its_times(page: Page) -> None:
    learn(page)
    start = NEWEST + 30
    items = [
        fleet_item(CPU, start + 60 * minute, 50, PerfValue=99.0 if 5 <= minute < 8 else 40.0, tenantAverage=50)
        for minute in range(15)
    ]
    body = {"start": start, "end": start + 840, "suppressed": None, "data": items}
    answer(page, "get-tenant-data", body)
    page.goto(f"{OF_VM}&key={CPU}&minutes=15&tz=utc")
    out = page.get_by_role("region", name="What ran out, and what will")
    expect(out).to_contain_text("Processor time was at 95 % or more for 3 min of this range:")
    expect(out).to_contain_text("(most 99 %).")


def test_without_anything_learned_each_part_says_so(page: Page) -> None:
    """This host has learned nothing."""
    page.goto(OF_VM)
    expect(page.get_by_role("region", name="Verdict", exact=True)).to_contain_text(
        "It is not known whether this VM is as usual."
    )
    expect(page.get_by_role("region", name="When people log on")).to_contain_text("Nothing is known about it")
    expect(page.locator("figure .note").first).to_contain_text("What is usual is not drawn:")
