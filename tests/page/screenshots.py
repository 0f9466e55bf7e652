"""``make screenshots``: every view in both themes and at three widths, into a folder.

They show a deterministic fleet without a past, or, with URL, an app that runs: ``make screenshots
URL=http://127.0.0.1:7071`` beside ``make run``. Its sample fleet has a past, so all views have something to show.
"""

import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.app.conftest import Local
from tests.page.conftest import CHROMIUM, MOST_MILLISECONDS, NEWEST, SWITCHES
from tests.page.fleet import fill
from tests.page.looking import CPU, MEMORY, PARTS, settle

WIDTHS = (390, 768, 1440)
DISK = "win_disk.percent_idle_time"


@contextmanager
def an_app() -> Iterator[str]:
    """Give the address of the app that is photographed: the one that runs at URL, else one with the tests' fleet."""
    if url := os.environ.get("URL"):
        yield url.rstrip("/")
        return
    with tempfile.TemporaryDirectory() as data:
        host = Local(Path(data) / "data")
        try:
            fill(host, NEWEST)
            yield host.address
        finally:
            host.stop()


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Give Debian's Chromium. Raises SystemExit if there is none."""
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed (on Debian: apt install chromium)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=MOST_MILLISECONDS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


def views(address: str) -> Mapping[str, str]:
    """Return the addresses of all views by name; the VM is the most unusual one, else the first."""
    tenant, vm = _a_vm(address)
    whose = f"&tenant={quote(tenant, safe='')}&vm={quote(vm, safe='')}"
    return {
        "now": "/",
        "fleet": "/?view=fleet",
        "changes": "/?view=fleet&sort=change",
        "where": "/?view=where&groupBy=Region",
        "vms": "/?view=vms",
        "vm": f"/?view=vm&minutes=360&key={CPU}&key={MEMORY}&key={DISK}{whose}",
        "ahead": "/?view=ahead",
        **{f"operations-{part}": f"/?view=operations&part={part}" for part in PARTS},
        "api": "/docs",
    }


def _a_vm(address: str) -> tuple[str, str]:
    unusual = _asked(address, "get-unusual?limit=100")["data"]
    for each in unusual:
        if each["kind"] == "vm" and each["why"] == "unusual":
            return each["tenant"], each["name"]
    tenant = _asked(address, "tenants")["data"][0]["tenant"]
    return tenant, _asked(address, f"vms?tenant={quote(tenant, safe='')}")["data"][0]["vm"]


def _asked(address: str, path: str) -> Any:
    with urllib.request.urlopen(f"{address}/v1/{path}") as answer:  # noqa: S310  (an app that the caller runs)
        return json.load(answer)


def show(page: Page, path: str) -> None:
    """Open a view, and wait until it shows all that it asks for."""
    page.goto(path)
    settle(page)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with an_app() as address, a_browser() as browser:
        all_ = views(address)
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                page = browser.new_page(
                    base_url=address,
                    color_scheme="dark" if scheme == "dark" else "light",
                    viewport={"width": width, "height": 900},
                )
                for view, path in all_.items():
                    show(page, path)
                    page.screenshot(path=folder / f"{view}-{scheme}-{width}.png")
                page.close()
    print(f"{len(all_) * 2 * len(WIDTHS)} pictures in {folder}")


if __name__ == "__main__":
    main()
