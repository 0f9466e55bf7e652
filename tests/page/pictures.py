"""``make pictures``: the pictures of README.md and docs/guide.md, of a deterministic fleet, into a folder.

Few and small: one width, the light theme, and pictures in which the guide's text can be found again.
"""

import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from tests.app.conftest import Local
from tests.page.conftest import CHROMIUM, NEWEST, SWITCHES
from tests.page.fleet import fill, tenant_name, vm_name

SIZE: ViewportSize = {"width": 1280, "height": 720}
KEYS = ("win_cpu.percent_processor_time", "win_mem.percent_used", "win_disk.percent_idle_time")
COMPARED = "&".join(
    [
        "/?minutes=60",
        *(f"key={key}" for key in KEYS),
        f"tenant={quote(tenant_name(1), safe='')}",
        f"vm={quote(vm_name(1, 0), safe='')}",
    ]
)


def _drag(page: Page) -> None:
    """Select a range in the first chart, and keep the button down, so that the selection is seen."""
    box = page.locator(".u-over").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2, steps=5)


def _hover(page: Page) -> None:
    page.locator(".u-over").first.hover()


PICTURES = {
    "fleet": ("/?minutes=60", None),
    "compare": (COMPARED, _hover),
    "zoom": (COMPARED, _drag),
    "api": ("/docs", None),
}
"""By name: the address, and what is done before the picture is taken."""


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        host = Local(Path(data) / "data")
        try:
            fill(host, NEWEST)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            for name, (path, prepare) in PICTURES.items():
                page = browser.new_page(
                    base_url=f"http://127.0.0.1:{host.port}", color_scheme="light", viewport=SIZE, timezone_id="UTC"
                )
                page.goto(path)
                expect(page.locator("canvas, #all-operations article").first).to_be_visible()
                page.wait_for_load_state("networkidle")
                if prepare:
                    prepare(page)
                page.screenshot(path=folder / f"{name}.png")
                page.close()
            browser.close()
        finally:
            host.stop()
    print(f"{len(PICTURES)} pictures in {folder}")


if __name__ == "__main__":
    main()
