"""A deterministic fleet for the page: forty counters, two hours, eight tenants, one of them late."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from domain.counters import COUNTERS
from domain.minutes import WINDOW
from tests.app.conftest import Local, enrol, wait_for
from tests.builders import a_message, a_signer, records_of

TENANTS, VMS = 8, 2
WAITS = {"ALLOWED_LATENESS_MINUTES": "600"}
"""A host's setting with which a window waits for a tenant that is late."""

CLOSES = {"ALLOWED_LATENESS_MINUTES": "0"}
"""A host's setting with which a window closes at once."""

KEYS = [*COUNTERS, *(f"win_extra.counter_{number:02d}" for number in range(40 - len(COUNTERS)))]


def tenant_name(tenant: int) -> str:
    return f"wYAVC3oWQU+ozhgAAg5f/w=={637_841_132_085_000_000 + tenant}"


def vm_name(tenant: int, vm: int) -> str:
    return f"Sharedfk6hZ4v5Xkmu0clBsg+aYw=={tenant * 100 + vm}"


def value_of(key: int, tenant: int, vm: int, minute: int) -> float:
    """Between 0 and 100: a slow wave for every counter, tenants and VMs apart.

    Two digits and three thousandths, so that neither a value nor a mean of 14 or 16 of them lies halfway between two
    that the page shows: these are rounded up or down as their last bit has it.
    """
    wave = math.sin((minute + 7 * key) / 25)
    return round(40 + 15 * wave + 3 * tenant + 4 * vm + key % 5, 2) + 0.003


def fill(host: Local, newest: int, windows: int = 8, keys: list[str] = KEYS) -> None:
    """Start a host that holds the fleet. Its windows are closed but for the newest, which waits for one tenant.

    Its tenants are enrolled and sign their messages, so that a tenant is shown the fleet.
    Every window has all that comes of it before it closes: what a tenant is shown is settled by then.
    """
    enrol(host.data, map(tenant_name, range(TENANTS)))

    def run(settings: dict[str, str], backs: Iterable[int]) -> None:
        host.settings |= settings
        host.start()
        for back in backs:
            for number, body in enumerate(messages(newest, back, keys)):
                host.put(f"m{back}-{number}", body)
        host.settled()

    run(WAITS, range(1, windows))
    host.stop()
    run(CLOSES, [])
    wait_for(lambda: host.get("/v1/status", headers=host.operator)[1]["openWindows"] == 0, "the windows to close")
    host.stop()
    run(WAITS, [0])


def where_people_sign_in(folder: Path, newest: int) -> Local:
    """Start a host with five counters where three people sign in: an operator, a tenant's, and one who is neither."""
    people = {"olga": {"roles": "operator", "name": "Olga"}, "ted": {"tid": "ted's", "name": "Ted"}, "eve": {}}
    settings = {"PRINCIPALS": json.dumps(people), "TENANT_IDS": json.dumps({"ted's": tenant_name(0)})}
    host = Local(folder / "data", settings, operator={"Authorization": "Bearer olga"})
    fill(host, newest, windows=2, keys=KEYS[:5])
    return host


def messages(newest: int, back: int, keys: list[str] = KEYS) -> Iterator[bytes]:
    """The messages of the window that lies so many before ``newest``. The last tenant has not pushed ``newest``."""
    start = newest - back * WINDOW
    for tenant in range(TENANTS - (1 if back == 0 else 0)):
        for vm in range(VMS):
            records = []
            for number, key in enumerate(keys):
                values = [value_of(number, tenant, vm, start // 60 + minute) for minute in range(15)]
                records += records_of(tenant_name(tenant), vm_name(tenant, vm), key, values, start)
            yield a_signer(tenant_name(tenant)).signed(a_message(records))
