"""The page in a real browser: what people do with it, one test a promise."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.charts import MOST_ROWS
from blueprints.http.endpoints import ENDPOINTS
from blueprints.http.fields import MOST_KEYS
from tests.app.conftest import ROOT, Local
from tests.builders import a_message, records_of
from tests.page.conftest import AXE, CHROMIUM, NEWEST
from tests.page.fleet import KEYS, TENANTS, VMS, fill, tenant_name, value_of, vm_name

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (on Debian: apt install chromium)"),
    # Playwright's own event loop is not closed before the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CPU, MEMORY = "win_cpu.percent_processor_time", "win_mem.percent_used"
COMPARED = f"/?key={CPU}&key={MEMORY}&tenant={quote(tenant_name(1), safe='')}&vm={quote(vm_name(1, 0), safe='')}"


def card(page: Page, key: str) -> Locator:
    return page.locator(f'.card[data-key="{key}"]')


def fleet_mean(key: str, minute: int, tenants: int = TENANTS) -> float:
    number = KEYS.index(key)
    values = [value_of(number, tenant, vm, minute) for tenant in range(tenants) for vm in range(VMS)]
    return sum(values) / len(values)


# the fleet -----------------------------------------------------------------------------------------------------------


def shown(value: float) -> str:
    """A percentage as the page shows it: with one digit."""
    return f"{value:.1f}".removesuffix(".0") + " %"


def test_every_counter_has_a_card_with_its_newest_value_its_change_and_its_vms(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".card")).to_have_count(len(KEYS))
    last_final = NEWEST // 60 - 1
    newest = fleet_mean(CPU, last_final)
    before = sum(fleet_mean(CPU, last_final - 1 - back) for back in range(60 - 15)) / 45
    expect(card(page, CPU).locator("strong")).to_have_text(shown(newest))
    sign = "▲ +" if newest > before else "▼ \u2212"
    expect(card(page, CPU).locator(".change")).to_contain_text(f"{sign}{abs(newest - before):.1f}"[:-2])
    expect(card(page, CPU).locator(".vms")).to_have_text(f"{TENANTS * VMS} VMs")
    expect(card(page, CPU).locator("canvas")).to_be_visible()


def test_cards_are_grouped_by_kind_with_the_interesting_ones_first(page: Page) -> None:
    page.goto("/")
    headings = page.locator("#fleet h2")
    expect(headings.first).to_have_text("Processor")
    assert headings.all_inner_texts() == [
        *("Processor", "System", "Memory", "Page file", "Disk", "Network", "Sessions", "Services"),
        "win_extra",
    ]
    expect(page.locator("#fleet section").first.locator(".card").first).to_have_attribute("data-key", CPU)
    expect(card(page, "win_mem.available_bytes")).to_contain_text("Memory available")


def test_cards_can_be_searched(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Search").fill("DISK idle")
    expect(page.locator(".card")).to_have_count(1)
    assert "search=DISK+idle" in page.url
    page.get_by_label("Search").fill("nothing like it")
    expect(page.locator("#empty")).to_have_text("No counter matches “nothing like it”.")
    page.get_by_label("Search").fill("")
    expect(page.locator(".card")).to_have_count(len(KEYS))


def test_the_biggest_change_can_come_first(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Order").select_option("biggest change first")
    expect(page.locator("#fleet h2")).to_have_text(["Biggest change first"])
    expect(page.locator(".card[data-change]")).to_have_count(len(KEYS))
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")
    sizes = page.eval_on_selector_all(".card", "cards => cards.map(card => Number(card.dataset.change))")
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_only_cards_in_view_ask_for_their_points(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(parse_qs(urlsplit(request.url).query).get("key", [])))
    page.goto("/")
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    assert KEYS[-1] not in asked
    card(page, KEYS[-1]).scroll_into_view_if_needed()
    expect(card(page, KEYS[-1]).locator("canvas")).to_be_visible()
    assert KEYS[-1] in asked


def test_a_card_opens_its_counter_and_back_leads_back(page: Page) -> None:
    page.goto("/")
    card(page, MEMORY).click()
    expect(page.locator("figure")).to_have_count(1)
    expect(page.locator("figcaption")).to_contain_text("Memory used")
    assert f"key={MEMORY}" in page.url
    page.go_back()
    expect(page.locator(".card").first).to_be_visible()


# a VM ----------------------------------------------------------------------------------------------------------------


def test_a_vm_stands_beside_its_tenant_and_the_fleet(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Compare").click()
    expect(page.locator("figure")).to_have_count(4)
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(1))
    latest = page.locator("figure").first.locator(".latest")
    number, minute = KEYS.index(CPU), NEWEST // 60 + 14
    own = value_of(number, 1, 0, minute)
    beside = (own + value_of(number, 1, 1, minute)) / 2
    expect(latest.locator(".vm strong")).to_have_text(shown(own))
    expect(latest.locator(".tenant strong")).to_have_text(shown(beside))
    expect(latest.locator(".fleet strong")).to_contain_text("%")
    page.get_by_label("VM", exact=True).select_option(vm_name(1, 1))
    expect(latest.locator(".vm strong")).to_have_text(shown(value_of(number, 1, 1, minute)))


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
    expect(page.locator(".latest .vm").first).to_be_visible()
    chosen = parse_qs(urlsplit(page.url).query)
    assert (len(chosen["key"]), chosen["tenant"], chosen["vm"]) == (4, [tenant_name(1)], [vm_name(1, 0)])


def legend(page: Page, figure: int) -> dict[str, str]:
    """What the legend of a chart says, by name."""
    rows = page.locator("figure").nth(figure).locator(".u-series")
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows.all()}


def test_one_cursor_shows_the_values_of_all_charts(page: Page) -> None:
    page.goto(COMPARED)
    over = page.locator("figure").first.locator(".u-over")
    over.hover()
    expect(page.locator("figure").nth(1).locator(".u-series td").nth(3)).to_contain_text("%")
    first, second = legend(page, 0), legend(page, 1)
    assert first["Time"] == second["Time"] != "--"
    assert {
        "Fleet's average",
        "Fleet's least",
        "Fleet's greatest",
        "Tenant's average",
        "This VM",
        "VMs",
        "Coverage",
    } <= set(first)
    assert all(first[name].endswith("%") for name in ("Fleet's average", "Tenant's average", "This VM", "Coverage"))
    assert first["Fleet's average"] != second["Fleet's average"]


def test_the_keys_move_the_cursor_of_all_charts(page: Page) -> None:
    page.goto(COMPARED)
    expect(page.locator("figure canvas")).to_have_count(2)
    page.locator("figure .chart").first.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("figure").nth(1).locator(".u-series td").first).not_to_have_text("--")
    first, second = legend(page, 0), legend(page, 1)
    assert first["Time"] == second["Time"]
    assert second["This VM"].endswith("%")


# time ----------------------------------------------------------------------------------------------------------------


def asked_of(page: Page, act: Callable[[], Any], path: str = "/v1/get-data") -> dict[str, list[str]]:
    """What the page asks of an endpoint when something is done."""
    with page.expect_request(lambda request: path in request.url and "aggregationBy" in request.url) as caught:
        act()
    return parse_qs(urlsplit(caught.value.url).query)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("last 15 minutes", 15),
        ("last hour", 60),
        ("last 6 hours", 360),
        ("last 24 hours", 1440),
        ("last 7 days", 10080),
    ],
)
def test_a_range_of_time_can_be_chosen_and_never_has_more_points_than_pixels(
    page: Page, text: str, minutes: int
) -> None:
    page.goto("/?minutes=30")
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    asked = asked_of(page, lambda: page.get_by_label("Time", exact=True).select_option(text))
    assert asked["minutes"] == [str(minutes)]
    assert minutes / int(asked["aggregationInterval"][0]) <= page.locator(".small-chart").first.evaluate(
        "e => e.clientWidth"
    )


def test_a_range_can_be_dragged_and_stands_in_the_url(page: Page) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    box = page.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url("**start=*")
    chosen = {
        name: int(values[0]) for name, values in parse_qs(urlsplit(page.url).query).items() if name in ("start", "end")
    }
    end = NEWEST + 30 + 14 * 60
    assert chosen["start"] == pytest.approx(end - 0.75 * 59 * 60, abs=120)
    assert chosen["end"] == pytest.approx(end - 0.25 * 59 * 60, abs=120)
    expect(page.get_by_label("Time", exact=True)).to_have_value("")
    page.get_by_label("Time", exact=True).select_option("last hour")
    expect(page.locator(".u-over")).to_be_visible()
    assert "start=" not in page.url


def test_interval_and_aggregation_can_be_changed(page: Page) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    expect(page.locator("figure canvas")).to_be_visible()
    assert asked_of(page, lambda: page.get_by_label("A point is").select_option("15 min"))["aggregationInterval"] == [
        "15"
    ]
    assert asked_of(page, lambda: page.get_by_label("Aggregation").select_option("greatest"))["aggregationBy"] == [
        "max"
    ]
    expect(page.locator("figure .note")).to_contain_text("A point is 15 min.")
    assert ("interval=15" in page.url, "by=max" in page.url) == (True, True)


def test_the_clock_is_local_or_utc_and_says_which(page: Page) -> None:
    page.goto("/")
    at = datetime.fromtimestamp(NEWEST + 14 * 60 + 30, UTC)
    expect(page.locator("#status")).to_contain_text(f"newest minute {at.astimezone(ZoneInfo('Asia/Kolkata')):%H:%M}")
    expect(page.get_by_label("Clock")).to_contain_text("local (Asia/Calcutta)")
    page.get_by_label("Clock").select_option("UTC")
    expect(page.locator("#status")).to_contain_text(f"newest minute {at:%H:%M}")
    assert "tz=utc" in page.url


# live ----------------------------------------------------------------------------------------------------------------


def test_it_refreshes_each_minute_without_flicker_and_not_in_a_hidden_tab(page: Page, filled: Local) -> None:
    page.clock.install()
    key = "win_fresh.counter"
    filled.put("fresh", a_message(records_of("t", "v", key, [10.0] * 15, NEWEST)))
    filled.settled()
    page.goto(f"/?key={key}")
    strong = page.locator(".latest .fleet strong")
    expect(strong).to_have_text("10")
    page.evaluate("window.drawn = document.querySelector('canvas')")
    filled.put("fresh 2", a_message(records_of("t", "w", key, [30.0] * 15, NEWEST)))
    filled.settled()
    hide = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    page.evaluate(hide.format("true"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(300_000)
    expect(strong).to_have_text("10")
    assert asked == []
    page.evaluate(hide.format("false"))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(strong).to_have_text("20")
    filled.put("fresh 3", a_message(records_of("t", "x", key, [50.0] * 15, NEWEST)))
    filled.settled()
    page.clock.fast_forward(61_000)
    expect(strong).to_have_text("30")
    assert page.evaluate("window.drawn === document.querySelector('canvas') && window.drawn.isConnected")


def test_minutes_that_are_not_final_are_apart_with_their_coverage(page: Page) -> None:
    page.goto(f"/?key={CPU}&minutes=60")
    covers = round(100 * (TENANTS - 1) / TENANTS)
    expect(page.locator("figure .note")).to_contain_text(
        "15 of 60 points are not final yet (dashed): data of some VMs is awaited; "
        f"the least covered holds {covers} % of the VMs."
    )
    box = page.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 30)
    expect(page.locator(".u-series", has_text="Coverage").locator("td")).to_have_text(f"{covers} %")
    assert legend(page, 0)["not final yet"].endswith("%")
    assert legend(page, 0)["Fleet's average"] == "\u2013"


def test_data_that_is_late_is_said_to_be(page: Page) -> None:
    page.clock.install(time=NEWEST + 15 * 60 + 27 * 60)
    page.goto("/")
    expect(page.locator("#status")).to_have_text(re.compile(r"newest minute \d\d:\d\d, 2[78] min ago: data is late"))
    expect(page.locator("#status")).to_have_class("late")


def test_loading_is_shown(page: Page) -> None:
    held: list[Route] = []
    page.route("**/v1/get-data**", lambda route: held.append(route))  # noqa: PLW0108  (it wants a function of Python's)
    page.goto("/")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#status")).to_have_text("loading …")
    for route in held:
        route.continue_()
    page.unroute("**/v1/get-data**")
    expect(page.locator("#main")).to_have_attribute("aria-busy", "false")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"status": 503, "content_type": "application/problem+json", "body": '{"detail": "the store is down"}'},
            "the store is down",
        ),
        ({"status": 200, "body": "{"}, "can't be read"),
        (None, "can't be reached"),
    ],
    ids=["a problem", "nonsense", "nothing"],
)
def test_a_failure_is_said_in_words_and_can_be_tried_again(
    browser: Browser, filled: Local, answer: dict[str, Any] | None, words: str
) -> None:
    page = browser.new_page()  # not the fixture's, which takes the browser's own lines about failures for problems
    page.route("**/v1/get-data**", lambda route: route.fulfill(**answer) if answer else route.abort())
    page.goto(f"http://127.0.0.1:{filled.port}/")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(words)
    page.wait_for_load_state("networkidle")
    page.unroute("**/v1/get-data**")
    page.get_by_role("button", name="Try again").click()
    expect(alert).to_be_hidden()
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    page.close()


def test_a_counter_that_does_not_exist_is_said_so(browser: Browser, filled: Local) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{filled.port}/?key=never.seen")
    expect(page.get_by_role("alert")).to_contain_text("no counter named 'never.seen' has been seen")
    page.close()


def test_before_any_data_has_come_it_says_so_and_shows_the_first(browser: Browser, local: Local) -> None:
    local.start()
    page = browser.new_page()
    page.clock.install()
    page.goto(f"http://127.0.0.1:{local.port}/")
    expect(page.locator("#empty")).to_contain_text("No data has arrived yet")
    local.put("first", a_message(records_of("t", "v", CPU, [42.0] * 15, NEWEST)))
    local.settled()
    page.clock.fast_forward(61_000)
    expect(card(page, CPU).locator("strong")).to_have_text("42 %")
    expect(page.locator("#empty")).to_be_hidden()
    page.close()


# sharing -------------------------------------------------------------------------------------------------------------


def test_everything_that_is_chosen_can_be_shared_by_its_url(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60&interval=5&by=max&tz=utc")
    expect(page.locator("figure")).to_have_count(2)
    for label, value in (
        *(("Tenant", tenant_name(1)), ("VM", vm_name(1, 0)), ("Time", "60"), ("A point is", "5")),
        *(("Aggregation", "max"), ("Clock", "utc")),
    ):
        expect(page.get_by_label(label, exact=True)).to_have_value(value)
    page.get_by_label("Aggregation").select_option("average")
    page.get_by_label("Clock").select_option("")
    page.go_back()
    page.go_back()
    expect(page.get_by_label("Aggregation")).to_have_value("max")
    expect(page.get_by_label("Clock")).to_have_value("utc")


@pytest.mark.parametrize(
    "query", ["?minutes=x&interval=-1&by=median&tz=mars", "?start=5&end=1", "?view=nothing&key=&sort=1"]
)
def test_a_url_that_makes_no_sense_shows_the_fleet(page: Page, query: str) -> None:
    page.goto(f"/{query}")
    expect(card(page, CPU).locator("canvas")).to_be_visible()


def test_what_is_shown_can_be_saved_as_csv(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60")
    expect(page.locator("figure canvas")).to_have_count(2)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save CSV").click()
    rows = list(csv.DictReader(io.StringIO(caught.value.path().read_text())))
    assert len(rows) == 2 * 60
    assert {row["PerfName"] for row in rows} == {"percent_processor_time", "percent_used"}
    assert float(rows[-1]["PerfValue"]) == value_of(KEYS.index(MEMORY), 1, 0, NEWEST // 60 + 14)
    assert re.fullmatch(r"spot-pc-insights-compare-[\dT-]+\.csv", caught.value.suggested_filename)


@pytest.mark.parametrize("path", ["/", COMPARED])
def test_what_is_shown_can_be_saved_as_a_picture(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("canvas").first).to_be_visible()
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save PNG").click()
    content = caught.value.path().read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000


# for everybody -------------------------------------------------------------------------------------------------------

VIEWS = {"fleet": "/", "compare": COMPARED, "api": "/docs"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (make peers)")
def test_axe_finds_no_violation(open_page: Callable[..., Page], view: str, scheme: str) -> None:
    page = open_page(color_scheme=scheme, bypass_csp=True)
    page.goto(VIEWS[view])
    expect(page.locator("canvas, #operations section").first).to_be_visible()
    if view == "compare":
        page.get_by_text("Data table").first.click()
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    assert [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found] == []


def test_a_chart_has_a_summary_and_a_table(page: Page) -> None:
    page.goto(f"{COMPARED}&minutes=60")
    chart = page.locator("figure .chart").first
    expect(chart).to_have_attribute(
        "aria-label", re.compile(r"Processor time: the fleet's average is [\d.]+ % at .*, between .* This VM: [\d.]+ %")
    )
    page.locator("figure").first.get_by_text("Data table").click()
    rows = page.locator("figure").first.locator(".rows tbody tr")
    expect(rows).to_have_count(60)
    expect(rows.first).to_contain_text("no, covers 88 %")
    expect(card(page, CPU)).to_have_count(0)
    page.goto("/")
    expect(card(page, CPU).get_by_role("img")).to_have_attribute("aria-label", re.compile(r"the fleet's average is"))


def test_it_can_be_used_by_keyboard(page: Page) -> None:
    page.goto("/")
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    page.get_by_label("Search").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key"):
            break
    assert page.evaluate("document.activeElement.dataset.key") == CPU
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("figure canvas")).to_be_visible()  # before, there is no point that a key could go to
    page.locator("figure .chart").focus()
    page.keyboard.press("ArrowLeft")
    time_ = page.locator(".u-series", has_text="Time").locator("td")
    expect(time_).not_to_have_text("--")
    before = time_.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(time_).not_to_have_text(before)


@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
@pytest.mark.parametrize("path", ["/", COMPARED, "/docs"])
def test_it_fits_from_a_phone_to_a_wall(open_page: Callable[..., Page], width: int, path: str) -> None:
    page = open_page(viewport={"width": width, "height": 900})
    page.goto(path)
    expect(page.locator("canvas, #operations section").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_light_and_dark_have_their_own_colours(open_page: Callable[..., Page]) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme)
        page.goto("/")
        expect(page.locator("canvas").first).to_be_visible()
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


# access --------------------------------------------------------------------------------------------------------------


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
    for key in ("wrong", "sesame"):
        expect(page.locator("#problem")).to_contain_text("This needs an access key, which the operator has.")
        page.get_by_label("Access key").fill(key)
        page.get_by_role("button", name="Use it").click()
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


def test_a_tenant_sees_its_own_and_is_told_what_is_suppressed(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "ted")
    expect(card(page, CPU).locator("strong")).to_contain_text("%")
    expect(page.locator("#suppressed")).to_contain_text("As a tenant: of the fleet a tenant is not shown count")
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Tenant", exact=True).select_option(tenant_name(0))
    assert page.get_by_label("Tenant", exact=True).locator("option").count() == 2
    expect(page.locator(".latest .vm strong").first).to_contain_text("%")
    expect(page.locator("figure .note").first).to_contain_text("not final yet")
    page.context.close()


def test_who_has_no_access_is_told_so(browser: Browser, guarded: Local) -> None:
    page = browser.new_page()
    sign_in(page, guarded, "eve")
    expect(page.locator("#problem")).to_contain_text("You have no access to this: you are signed in, but neither")
    page.context.close()


def test_the_policy_is_strict_and_nothing_is_inline(page: Page, filled: Local) -> None:
    for path in ("/", "/docs"):
        _, body, headers = filled.get(path)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert not re.search(rb"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:", body)
    page.goto("/")  # and whatever the browser refuses by it fails the fixture
    expect(card(page, CPU).locator("canvas")).to_be_visible()


# the API's page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_api_is_shown_from_its_document(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("#operations section")).to_have_count(len(ENDPOINTS))
    expect(page.locator("#operations")).to_contain_text("GET /v1/get-tenant-data")
    page.get_by_role("link", name="TenantAnswer").click()
    expect(page.locator("#TenantAnswer h3")).to_be_in_viewport()


# what it takes -------------------------------------------------------------------------------------------------------


def test_what_comes_before_any_data_is_small(page: Page) -> None:
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(_size(request)) if "/v1/" not in request.url else None)
    page.goto("/")
    expect(card(page, CPU).locator("canvas")).to_be_visible()
    assert 10_000 < sum(sizes) < 150_000


def _size(request: Any) -> int:
    taken = request.sizes()
    return int(taken["responseBodySize"] + taken["responseHeadersSize"])


def test_the_page_knows_the_limits_of_the_api() -> None:
    script = (ROOT / "web/js/ask.js").read_text()
    told = {name: int(value.replace("_", "")) for name, value in re.findall(r"const (MOST_\w+) = ([\d_]+);", script)}
    assert told == {"MOST_KEYS": MOST_KEYS, "MOST_ROWS": MOST_ROWS}


@pytest.mark.skipif(not AXE.exists(), reason="the page's tools are not installed (make peers)")
def test_the_chart_library_is_the_one_of_npm() -> None:
    ours, theirs = ROOT / "web/vendor/uplot-1.6.32", AXE.parents[1] / "uplot"
    assert json.loads((theirs / "package.json").read_text())["version"] == "1.6.32"
    for name in ("uPlot.iife.min.js", "uPlot.min.css"):
        assert (ours / name).read_bytes() == (theirs / "dist" / name).read_bytes()
    assert (ours / "LICENSE").read_text() == (theirs / "LICENSE").read_text()
