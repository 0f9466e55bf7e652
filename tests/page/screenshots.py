"""``make screenshots``: every view in both themes and at three widths, of a deterministic fleet, into a folder."""

import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import expect, sync_playwright

from tests.app.conftest import Local
from tests.page.conftest import CHROMIUM, NEWEST, SWITCHES
from tests.page.fleet import fill, tenant_name, vm_name

VIEWS = {
    "fleet": "/?minutes=60",
    "changes": "/?minutes=60&sort=change",
    "compare": "/?minutes=60&key=win_cpu.percent_processor_time&key=win_mem.percent_used&key=win_disk.percent_idle_time"
    f"&tenant={quote(tenant_name(1), safe='')}&vm={quote(vm_name(1, 0), safe='')}",
    "api": "/docs",
}
WIDTHS = (390, 1280, 2560)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        host = Local(Path(data) / "data")
        try:
            fill(host, NEWEST)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            for scheme in ("light", "dark"):
                for width in WIDTHS:
                    page = browser.new_page(
                        base_url=f"http://127.0.0.1:{host.port}",
                        color_scheme="dark" if scheme == "dark" else "light",
                        viewport={"width": width, "height": max(800, width * 5 // 8)},
                    )
                    for view, path in VIEWS.items():
                        page.goto(path)
                        expect(page.locator("canvas, #all-operations article").first).to_be_visible()
                        page.wait_for_load_state("networkidle")
                        if view == "compare":
                            page.locator(".u-over").first.hover()
                        page.screenshot(path=folder / f"{view}-{scheme}-{width}.png")
                    page.close()
            browser.close()
        finally:
            host.stop()
    print(f"{len(VIEWS) * 2 * len(WIDTHS)} pictures in {folder}")


if __name__ == "__main__":
    main()
