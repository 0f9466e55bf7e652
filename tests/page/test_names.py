"""Labels, which operators see, and real names, which a person loads into the browser and which are sent nowhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect

from edge.naming import Names, add_names
from tests.app.conftest import Local
from tests.page.conftest import NEWEST
from tests.page.fleet import KEYS, TENANTS, fill, tenant_name, vm_name
from tests.page.looking import IN_A_BROWSER, choice, opened

pytestmark = IN_A_BROWSER

LABELS = {1: "Contoso", 2: "Contoso", 3: "Fabrikam <b>&amp;</b>"}
PEOPLE = {"olga": {"roles": "operator", "name": "Olga"}, "ted": {"tid": "ted's", "name": "Ted"}}
MARKUP = "<img src=x onerror=document.title='run'>"
LIMIT = 5 * 2**20
ALL_VMS = "all VMs of the tenant"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host with sign-in, one counter, and tenants that have labels."""
    settings = {"PRINCIPALS": json.dumps(PEOPLE), "TENANT_IDS": json.dumps({"ted's": tenant_name(0)})}
    host = Local(tmp_path_factory.mktemp("names") / "data", settings, operator={"Authorization": "Bearer olga"})
    fill(host, NEWEST, windows=2, keys=KEYS[:1])
    for tenant, label in LABELS.items():
        said = json.dumps({"tenant": tenant_name(tenant), "label": label}).encode()
        headers = {**host.operator, "Content-Type": "application/json"}
        assert host.get("/v1/admin/tenants", "POST", headers, said)[0] == 200
    yield host
    host.stop()


@pytest.fixture
def open_as(browser: Browser, host: Local) -> Iterator[Callable[[str, str], Page]]:
    """Opens the compare view for a person, each in a browser of their own. What a page complains of fails the test."""
    problems: list[str] = []
    opened: list[Page] = []

    def open_one(person: str, path: str = "/?view=compare") -> Page:
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{host.port}", extra_http_headers={"Authorization": f"Bearer {person}"}
        )
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path)
        expect(tenants(page)).to_be_visible()
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        page.context.close()
    assert problems == []


def tenants(page: Page) -> Locator:
    return page.get_by_label("Tenant", exact=True)


def vms(page: Page) -> Locator:
    return page.get_by_label("VM", exact=True)


def texts(select: Locator) -> dict[str, str]:
    """What a control offers: texts by values."""
    return {str(each.get_attribute("value")): each.inner_text() for each in select.locator("option").all()}


def vm_names(page: Page) -> dict[str, str]:
    """How the VMs on offer are called, without their pools and sizes."""
    return {value: text.split(" · ")[0] for value, text in texts(vms(page)).items()}


def said(page: Page) -> Locator:
    return page.locator("#whose").get_by_role("status")


def load(page: Page, content: bytes, name: str = "names.json") -> None:
    with page.expect_file_chooser() as chooser:
        opened(page, "Find").get_by_role("button", name="Load names").click()
    chooser.value.set_files({"name": name, "mimeType": "application/json", "buffer": content})


def a_file(
    folder: Path, tenant: int = 0, name: str = "Northwind", real: tuple[str, ...] = ("PC-ALMA", "PC-BRUNO")
) -> bytes:
    """Return a file of names as the agent writes it."""
    path = folder / f"{tenant}.json"
    add_names(path, Names(tenant_name(tenant), name, {vm_name(tenant, vm): each for vm, each in enumerate(real)}))
    return path.read_bytes()


def test_operators_choose_tenants_by_labels_and_find_them_by_masked_names_too(open_as: Callable[..., Page]) -> None:
    page = open_as("olga")
    offered = texts(tenants(page))
    assert len(offered) == 1 + TENANTS
    assert offered[tenant_name(1)] != offered[tenant_name(2)]
    assert all(offered[tenant_name(tenant)].startswith("Contoso (…") for tenant in (1, 2))
    assert offered[tenant_name(3)] == LABELS[3]
    assert offered[tenant_name(4)] == f"…{tenant_name(4)[-12:]}"
    find = opened(page, "Find").get_by_label("Find a tenant")
    find.fill(tenant_name(2)[-4:])
    expect(tenants(page).locator("option")).to_have_count(2)
    assert set(texts(tenants(page))) == {"", tenant_name(2)}
    find.fill("CONTOSO")
    expect(said(page)).to_contain_text("2 of 8 tenants match")
    find.fill("nobody")
    expect(said(page)).to_contain_text("0 of 8 tenants match “nobody”")
    find.press("Enter")
    find.fill("fabri <B>")
    find.press("Enter")
    expect(tenants(page)).to_have_value(tenant_name(3))
    expect(tenants(page)).to_have_attribute("title", tenant_name(3))
    expect(find).to_have_value("")
    expect(tenants(page).locator("option")).to_have_count(1 + TENANTS)
    expect(vms(page).locator(f'option[value="{vm_name(3, 0)}"]')).to_have_count(1)
    assert choice(page)["tenant"] == [tenant_name(3)]
    expect(opened(page, "Save").get_by_text("Names stay masked in it.")).to_be_visible()


def test_a_tenants_person_sees_no_label(open_as: Callable[..., Page]) -> None:
    page = open_as("ted")
    assert texts(tenants(page)) == {"": "the whole fleet", tenant_name(0): f"…{tenant_name(0)[-12:]}"}
    expect(page.get_by_label("Find a tenant")).to_be_hidden()
    expect(page.get_by_role("button", name="Forget names")).to_be_hidden()


def test_real_names_are_shown_and_found_and_sent_nowhere(open_as: Callable[..., Page], tmp_path: Path) -> None:
    page = open_as("ted")
    sent: list[str] = []

    def note(request: Request) -> None:
        sent.append(json.dumps([request.url, request.headers, request.post_data]))

    page.context.on("request", note)
    load(page, a_file(tmp_path))
    expect(said(page)).to_have_text("Loaded the names of Northwind and 2 VMs. They stay in this browser.")
    expect(page.locator("#who-name")).to_have_text("Ted, for the tenant Northwind")
    expect(page.locator("#who-name")).to_have_attribute("title", tenant_name(0))
    tenants(page).select_option("Northwind")
    expect(vms(page).locator("option")).to_have_count(3)
    assert vm_names(page) == {"": ALL_VMS, vm_name(0, 0): "PC-ALMA", vm_name(0, 1): "PC-BRUNO"}
    opened(page, "Find").get_by_label("Find a VM").fill("bruno")
    expect(said(page)).to_contain_text("1 of 2 VMs match")
    opened(page, "Find").get_by_label("Find a VM").press("Enter")
    expect(vms(page)).to_have_value(vm_name(0, 1))
    expect(vms(page)).to_have_attribute("title", vm_name(0, 1))
    expect(page.locator(".latest .vm strong")).to_contain_text("%")
    with page.expect_download() as caught:
        opened(page, "Save").get_by_role("button", name="Save CSV").click()
    assert not [name for name in ("PC-", "Northwind") if name in caught.value.path().read_text()]
    page.reload()
    expect(vms(page).locator("option:checked")).to_contain_text("PC-BRUNO")
    expect(page.locator(".latest .vm strong")).to_contain_text("%")
    query = choice(page)
    assert (query["tenant"], query["vm"]) == ([tenant_name(0)], [vm_name(0, 1)])
    everything = "\n".join(sent)
    assert "get-tenant-data" in everything  # so this would have seen a name
    assert not [name for name in ("PC-", "ALMA", "BRUNO", "bruno", "Northwind") if name in everything]
    colleague = open_as("ted", page.url)
    expect(vms(colleague).locator("option:checked")).to_contain_text(f"…{vm_name(0, 1)[-12:]}")


def test_files_of_tenants_stand_side_by_side_until_they_are_forgotten(
    open_as: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_as("olga")
    masked = texts(tenants(page))
    load(page, a_file(tmp_path))
    load(page, a_file(tmp_path, 1, "Real Contoso", ("PC-1", "PC-1")))
    expect(said(page)).to_contain_text("Real Contoso")
    offered = texts(tenants(page))
    assert offered[tenant_name(0)] == "Northwind"
    assert offered[tenant_name(1)] == masked[tenant_name(1)] + " · Real Contoso"
    opened(page, "Find").get_by_label("Find a tenant").fill("real")
    opened(page, "Find").get_by_label("Find a tenant").press("Enter")
    expect(vms(page).locator("option")).to_have_count(3)
    same = {vm_name(1, vm): f"PC-1 (…{vm_name(1, vm)[-12:]})" for vm in (0, 1)}
    assert vm_names(page) == {"": ALL_VMS, **same}
    vms(page).select_option(vm_name(1, 0))
    expect(page.locator(".latest .vm strong")).to_contain_text("%")
    other = page.context.new_page()
    other.goto(page.url)
    expect(vms(other).locator("option:checked")).to_contain_text("PC-1")
    opened(page, "Find").get_by_role("button", name="Forget names").click()
    for each in (page, other):
        expect(vms(each).locator("option:checked")).to_contain_text(f"…{vm_name(1, 0)[-12:]}")
        assert texts(tenants(each)) == masked
        expect(each.get_by_role("button", name="Forget names")).to_be_hidden()
    assert page.evaluate("Object.keys(localStorage)") == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_may_begin_with_a_byte_order_mark(open_as: Callable[..., Page], tmp_path: Path, encoding: str) -> None:
    page = open_as("ted")
    load(page, a_file(tmp_path, name="Zoë & Söhne").decode().encode(encoding))
    expect(said(page)).to_contain_text("Loaded the names of Zoë & Söhne and 2 VMs")
    assert texts(tenants(page))[tenant_name(0)] == "Zoë & Söhne"


def test_a_name_is_text_and_no_markup(open_as: Callable[..., Page], tmp_path: Path) -> None:
    page = open_as("ted")
    load(page, a_file(tmp_path, name=MARKUP, real=(MARKUP, "PC-BRUNO")), name="<b>names.json")
    expect(said(page)).to_contain_text(f"Loaded the names of {MARKUP}")
    tenants(page).select_option(MARKUP)
    vms(page).select_option(vm_name(0, 0))
    expect(vms(page).locator("option:checked")).to_contain_text(MARKUP)
    assert page.locator("img").count() == 0
    assert page.title().startswith("VM <img src=x")  # as text: the script has not run


def content(**changed: Any) -> bytes:
    return json.dumps({"tenant": tenant_name(0), "name": "N", "vms": {vm_name(0, 0): "PC"}, **changed}).encode()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param(b"", "it is not JSON, or it is cut off", id="empty"),
        pytest.param(content()[:-5], "it is not JSON, or it is cut off", id="cut off"),
        pytest.param(b"\xff\x00\xfa", "it is no text in UTF-8", id="binary"),
        pytest.param(b"null", "it has no tenant, name and vms", id="null"),
        pytest.param(b'[{"tenant": "t"}]', "it has no tenant, name and vms", id="a list"),
        pytest.param(content(vms=["PC"]), "it has no tenant, name and vms", id="VMs in a list"),
        pytest.param(content(vms={"v": 7}), "one of its names is no text: 7", id="a number"),
        pytest.param(content(vms={"v": " "}), "one of its names is empty", id="an empty name"),
        pytest.param(content(vms={"v": "x" * 129}), "one of its names is longer than 128", id="a long name"),
        pytest.param(content(vms={"v": "PC\u202e"}), "one of its names holds a character", id="a hidden character"),
        pytest.param(content(tenant=tenant_name(1)), "it has the names of another tenant", id="another tenant"),
        pytest.param(content().ljust(LIMIT + 1), "it is larger than 5 MB", id="huge"),
    ],
)
def test_another_file_is_not_taken_and_nothing_changes(
    open_as: Callable[..., Page], tmp_path: Path, given: bytes, why: str
) -> None:
    page = open_as("ted")
    load(page, a_file(tmp_path))
    tenants(page).select_option("Northwind")
    vms(page).select_option(vm_name(0, 0))
    expect(vms(page).locator("option:checked")).to_contain_text("PC-ALMA")
    load(page, given, name="other.json")
    expect(said(page)).to_contain_text(f"other.json was not loaded: {why}")
    assert vm_names(page) == {"": ALL_VMS, vm_name(0, 0): "PC-ALMA", vm_name(0, 1): "PC-BRUNO"}
    load(page, a_file(tmp_path))  # and the next one is
    expect(said(page)).to_contain_text("Loaded")


def test_a_browser_without_room_says_so(open_as: Callable[..., Page], tmp_path: Path) -> None:
    page = open_as("ted")
    page.evaluate("localStorage.setItem('other', 'x'.repeat(5 * 2 ** 20 - 100))")
    load(page, a_file(tmp_path))
    expect(said(page)).to_contain_text("names.json was not loaded: the browser has no room for it")
    opened(page, "Save").get_by_role("button", name="Save CSV").click()  # and the page goes on
    expect(page.locator("#saving")).to_have_text("Saved 1 counter.")


def test_what_is_kept_and_can_not_be_read_is_left_out_and_can_be_forgotten(
    open_as: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_as("ted")
    page.evaluate("localStorage.setItem('names:t', '{\"tenant\":')")
    page.reload()
    load(page, a_file(tmp_path))
    expect(said(page)).to_contain_text("Loaded")
    opened(page, "Find").get_by_role("button", name="Forget names").click()
    assert page.evaluate("Object.keys(localStorage)") == []
