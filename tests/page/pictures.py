"""``make pictures``: the pictures of README.md and docs/guide.md, into a folder.

Few and small: one width, the light theme. They show what ``tests.page.screenshots`` shows. Take them of the sample
fleet with its past (URL=http://127.0.0.1:7071, beside ``make run``): the guide speaks of that. They go into the
repository a third as large: ``pngquant --ext .png --force docs/pictures/*.png``.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

from tests.page.screenshots import a_browser, an_app, show, views

SIZE: ViewportSize = {"width": 1280, "height": 800}
PICTURES = ("now", "fleet", "where", "vms", "vm", "ahead", "operations-tenants", "api")


def _prepare(page: Page, name: str) -> None:
    """Do what is done before the picture is taken."""
    if name == "api":
        page.locator("#get_data").scroll_into_view_if_needed()
        page.locator("#get_data").get_by_role("button", name="Show this app's answer").click()
        page.locator("#get_data pre").wait_for()


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with an_app() as address, a_browser() as browser:
        paths = views(address)
        for name in PICTURES:
            page = browser.new_page(base_url=address, color_scheme="light", viewport=SIZE, timezone_id="UTC")
            show(page, paths[name])
            _prepare(page, name)
            page.screenshot(path=folder / f"{name}.png")
            page.close()
    print(f"{len(PICTURES)} pictures in {folder}")


if __name__ == "__main__":
    main()
