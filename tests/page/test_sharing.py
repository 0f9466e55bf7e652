"""Links and files: what is chosen and shown goes to others."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, tenant_name, value_of, vm_name
from tests.page.looking import CHART, COMPARED, CPU, IN_A_BROWSER, MEMORY, card, opened, problem

pytestmark = IN_A_BROWSER


def test_everything_that_is_chosen_can_be_shared_by_its_url(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60&interval=5&by=max&tz=utc")
    expect(page.locator("figure")).to_have_count(2)
    for label, value in (
        *(("Tenant", tenant_name(1)), ("VM", vm_name(1, 0)), ("Time range", "60"), ("Interval", "5")),
        *(("Aggregation", "max"), ("Time zone", "utc")),
    ):
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    opened(page, "Display").get_by_label("Aggregation").select_option("average")
    opened(page, "Display").get_by_label("Time zone").select_option("")
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Aggregation")).to_have_value("max")
    expect(page.get_by_label("Time zone")).to_have_value("utc")


@pytest.mark.parametrize("query", ["?minutes=x&interval=-1&by=median&tz=mars", "?start=5&end=1", "?key=&tenant="])
def test_a_url_that_makes_no_sense_shows_what_can_be_shown(page: Page, query: str) -> None:
    page.goto(f"/{query}")
    expect(page.get_by_text(re.compile("what is normal")).first).to_be_visible()
    expect(problem(page)).to_be_hidden()
    page.goto(f"/{query}&view=fleet")
    expect(card(page, CPU).locator(CHART)).to_be_visible()


def test_what_is_shown_can_be_saved_as_csv(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60")
    expect(page.locator("figure canvas")).to_have_count(2)
    with page.expect_download() as caught:
        opened(page, "Save").get_by_role("button", name="Save CSV").click()
    rows = list(csv.DictReader(io.StringIO(caught.value.path().read_text())))
    assert len(rows) == 2 * 60
    assert {row["PerfName"] for row in rows} == {"percent_processor_time", "percent_used"}
    assert float(rows[-1]["PerfValue"]) == value_of(KEYS.index(MEMORY), 1, 0, NEWEST // 60 + 14)
    assert re.fullmatch(r"spot-pc-insights-vm-[\dT-]+\.csv", caught.value.suggested_filename)


@pytest.mark.parametrize("path", [f"/?view=fleet&open={CPU}", COMPARED])
def test_what_is_shown_can_be_saved_as_a_picture(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("canvas").first).to_be_visible()
    with page.expect_download() as caught:
        opened(page, "Save").get_by_role("button", name="Save PNG").click()
    content = caught.value.path().read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("minutes=60", KEYS),
        ("minutes=10080", KEYS),
        ("minutes=60&search=disk", [key for key in KEYS if "_disk" in key]),
    ],
)
def test_the_csv_of_the_fleet_has_all_counters_that_match_and_not_only_those_in_view(
    open_page: Callable[..., Page], query: str, expected: list[str]
) -> None:
    page = open_page(viewport={"width": 390, "height": 400})
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "csv" in request.headers.get("accept", "") else None
    )
    page.goto(f"/?view=fleet&{query}")
    expect(page.locator(f".card {CHART}").first).to_be_visible()
    assert page.locator(f".card {CHART}").count() < len(expected)
    with page.expect_download() as caught:
        opened(page, "Save").get_by_role("button", name="Save CSV").click()
    expect(page.locator("#saving")).to_have_text(f"Saved {len(expected)} counters.")
    rows = list(csv.DictReader(io.StringIO(caught.value.path().read_text())))
    assert {f"{row['PerfType']}.{row['PerfName']}" for row in rows} == set(expected)
    assert len({row["timestamp"] for row in rows}) * len(expected) == len(rows)  # all have the same range
    assert len(asked) == (4 if "10080" in query else 1)


def test_a_long_csv_says_how_far_it_is_and_a_failed_one_saves_nothing(browser: Browser, filled: Local) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{filled.port}/?view=fleet&minutes=10080")
    expect(page.locator(f".card {CHART}").first).to_be_visible()
    asked: list[Route] = []

    def answer_once(route: Route) -> None:
        """Let the first part through and keep the second waiting."""
        asked.append(route)
        if len(asked) == 1:
            route.continue_()

    page.route("**/v1/get-data**", answer_once)
    page.on("download", lambda download: pytest.fail(f"{download.suggested_filename} was saved"))
    opened(page, "Save").get_by_role("button", name="Save CSV").click()
    expect(page.locator("#saving")).to_have_text(f"Saving 10 of {len(KEYS)} counters \u2026")
    while len(asked) < 2:  # it is asked for at once
        page.wait_for_timeout(20)
    asked[1].abort()
    expect(page.locator("#saving")).to_have_text("Not saved: see the message on the page.")
    expect(problem(page)).to_contain_text("can't be reached")
    page.context.close()
