"""Forecasts beside charts in a real browser: what is drawn, what is said of it, and what is said if there is none."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from domain.minutes import WINDOW
from pipeline.queries.forecasts import NOT_LEARNED
from tests.page.conftest import NEWEST
from tests.page.fleet import tenant_name, vm_name
from tests.page.looking import CPU, IN_A_BROWSER, choice, legend

pytestmark = IN_A_BROWSER

DELAY = "win_session.input_delay_ms"
OF_VM = f"&tenant={quote(tenant_name(1), safe='')}&vm={quote(vm_name(1, 0), safe='')}"


def foretell(page: Page, rule: str = "avg", **more: Any) -> list[dict[str, list[str]]]:
    """Answer what is asked of forecasts; return what is asked."""
    asked: list[dict[str, list[str]]] = []

    def answer(route: Route) -> None:
        given = parse_qs(urlsplit(route.request.url).query)
        asked.append(given)
        windows = range(NEWEST, NEWEST + int(given["hours"][0]) * 3600, WINDOW)
        data = [{"window": window, "expected": 50.0, "low": 40.0, "high": 60.0} for window in windows]
        told = {"history": 30, "timeZone": "UTC", "mase": 0.7, "coverage": 0.81, "reason": None, "rule": rule}
        route.fulfill(content_type="application/json", body=json.dumps({**told, **more, "data": data}))

    page.route("**/v1/get-forecast**", answer)
    return asked


def note(page: Page) -> Locator:
    return page.locator("figure .note").first


def test_a_forecast_is_drawn_to_the_right_of_now_and_says_how_good_it_was(page: Page) -> None:
    asked = foretell(page)
    page.goto(f"/?view=compare&key={CPU}")
    expect(page.locator("figure canvas")).to_be_visible()
    assert asked == []
    page.get_by_label("Forecast").select_option("2 days")
    expect(note(page)).to_contain_text("Forecast for the fleet (dotted)")
    expect(note(page)).to_contain_text('70 % of that of "same time yesterday", and 81 % of hours were in the band.')
    assert choice(page)["ahead"] == ["48"]
    assert {tuple(each["hours"]) for each in asked} == {("48",)}
    assert {"Forecast", "Forecast, high", "Forecast, low"} <= set(legend(page, 0))
    assert not {"tenant", "vm"} & asked[0].keys()
    page.get_by_label("Forecast").select_option("nothing")
    expect(note(page)).not_to_contain_text("Forecast")
    assert "ahead" not in choice(page)


def test_of_a_vm_its_own_forecast_is_shown(page: Page) -> None:
    asked = foretell(page)
    page.goto(f"/?view=compare&key={CPU}&ahead=24{OF_VM}")
    expect(note(page)).to_contain_text("Forecast for this VM (dotted)")
    assert (asked[0]["tenant"], asked[0]["vm"]) == ([tenant_name(1)], [vm_name(1, 0)])


def test_a_forecast_of_something_else_than_the_points_says_so(page: Page) -> None:
    foretell(page, rule="max")
    page.goto(f"/?view=compare&key={DELAY}&ahead=24")
    expect(note(page)).to_contain_text("greatest value in 15 minutes, and these points are not")
    page.goto(f"/?view=compare&key={DELAY}&ahead=24&by=max&interval=15{OF_VM}")
    expect(note(page)).to_contain_text("Forecast for this VM (dotted)")
    expect(note(page)).not_to_contain_text("these points are not")


@pytest.mark.parametrize("hours", ["24", "168"])
def test_without_a_forecast_the_page_says_why(page: Page, hours: str) -> None:
    """This host has learned nothing."""
    page.goto(f"/?view=compare&key={CPU}&ahead={hours}")
    expect(note(page)).to_contain_text(re.compile(re.escape(f"No forecast: {NOT_LEARNED}.")))


def test_a_range_of_the_past_has_nothing_ahead(page: Page) -> None:
    asked = foretell(page)
    page.goto(f"/?view=compare&key={CPU}&ahead=24&start={NEWEST - 3600}&end={NEWEST}")
    expect(page.locator("figure canvas")).to_be_visible()
    assert asked == []
