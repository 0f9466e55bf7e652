"""``python -m local.sample``: sends the sample fleet to a folder, to a queue, or to a running app.

With it ``func start``, emulators and a fresh deployment are tried with data. It sends minutes of the past, oldest
first, and with ``--live`` each new minute after that. Its tenants are named ``sample-…``. Where the app wants signed
messages (``--app``, or ``--admin`` beside a queue), it enrols them with an operator's rights, and keeps their keys in
``--keys``. ``--remove`` purges those tenants and no others. A sample depends only on its VM and its minute, so sending
it twice changes nothing.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from domain.errors import SpotError, Unavailable
from domain.minutes import DAY, HOUR, MINUTE, WINDOW, identifier, window_of
from domain.names import split_key
from domain.packing import Packed, pack
from domain.samples import Sample
from domain.signed import HEAD_BYTES, Signer
from edge.app import AppDestination, NotNow
from edge.destinations import Destination, FolderDestination, Link, ServiceBusDestination
from edge.https import Server
from edge.signing import signer_of
from edge.spoc_options import CONNECTION
from local.fleet import TENANTS, Desktop, desktops
from local.operator_api import OPERATOR_KEY, OPERATOR_TOKEN, Operator

PREFIX = "sample-"
NAMES = {f"{PREFIX}{name.replace(' ', '-').lower()}": name for name in TENANTS}
"""The sample tenants, with what people call them."""

KNOWN_SECONDS = 30
"""After how many seconds every instance of the app knows a new key (docs/api.md, Enrolment)."""

PATIENCE_SECONDS = 120
"""How long an app may say that it can't take a message now."""

SETTING = "ServiceBusConnection"
_time, _sleep = time.time, time.sleep
UNITS = {"h": HOUR, "d": DAY, "w": 7 * DAY}


def fleet(vms: int) -> Mapping[str, Sequence[Desktop]]:
    """Return the desktops by tenant, under names that show at once that they are samples."""
    found: dict[str, list[Desktop]] = {}
    for number, each in enumerate(desktops(vms)):
        tenant = list(NAMES)[number % len(NAMES)]
        identity = replace(each.identity, tenant=tenant, vm=f"{PREFIX}{each.name.lower()}")
        found.setdefault(tenant, []).append(replace(each, identity=identity))
    return found


def samples_of(desktop: Desktop, start: int, end: int) -> list[Sample]:
    """Return a desktop's samples of the minutes from ``start`` up to but excluding ``end``: one reading a minute."""
    names, dimensions = desktop.identity, desktop.identity.dimensions
    found = []
    for timestamp in range(identifier(start), end, MINUTE):
        for key, value in desktop.readings(timestamp).items():
            perf_type, perf_name = split_key(key)
            found.append(
                Sample(
                    timestamp=timestamp,
                    MaskedTenantId=names.tenant,
                    SiteName=dimensions.SiteName,
                    MaskedVMName=names.vm,
                    ResourcePoolName=dimensions.ResourcePoolName,
                    Region=dimensions.Region,
                    MachineSize=dimensions.MachineSize,
                    PerfName=perf_name,
                    PerfValue=value,
                    PerfType=perf_type,
                )
            )
    return found


def messages(vms: Sequence[Desktop], start: int, end: int, limit: int, signer: Signer | None) -> Iterator[Packed]:
    """Yield a tenant's messages of these minutes, each at most ``limit`` bytes with its signature."""
    batches = (
        samples_of(each, max(start, window), min(end, window + WINDOW))
        for window in range(window_of(start), end, WINDOW)
        for each in vms
    )
    for packed in pack(batches, limit - HEAD_BYTES):
        yield replace(packed, body=signer.signed(packed.body)) if signer else packed


class Sender:
    """Sends the fleet to one destination for each tenant."""

    def __init__(
        self,
        vms: Mapping[str, Sequence[Desktop]],
        to: Callable[[str], Destination],
        signers: Mapping[str, Signer],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vms = vms
        self._signers = signers
        self._to = {tenant: to(tenant) for tenant in vms}
        self._sleep = sleep

    def send(self, start: int, end: int) -> int:
        """Send all minutes from ``start`` up to but excluding ``end``; return how many samples. Raises Unavailable."""
        samples = 0
        for tenant, vms in self._vms.items():
            with self._to[tenant].open() as link:
                for message in messages(vms, start, end, link.limit, self._signers.get(tenant)):
                    self._send(link, message)
                    samples += message.samples
        return samples

    def _send(self, link: Link, message: Packed) -> None:
        """Send a message; if the app is busy, again after a while."""
        waited = 0.0
        while True:
            try:
                link.send([message])
            except NotNow as busy:
                pause = min(busy.retry_after or 1, 5)
                waited += pause
                if waited > PATIENCE_SECONDS:
                    raise
                self._sleep(pause)
            else:
                return


def past(text: str) -> int:
    """Return how many seconds ``2h``, ``3d`` or ``4w`` are. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,4})([hdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours, days or weeks, such as 2h, 3d or 4w")
    return int(found[1]) * UNITS[found[2]]


def _vms(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 10000")
    return int(text)


def parser_of_sample() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m local.sample",
        description=(__doc__ or "").split("\n\n")[0],
        epilog=f"An operator's function key is read from {OPERATOR_KEY}, or a bearer token from {OPERATOR_TOKEN}.",
    )
    where = parser.add_argument_group("where to (one of them)")
    where.add_argument("--folder", type=Path, help="the queue folder of a local host, such as .local/queue")
    where.add_argument(
        "--queue", help=f"a Service Bus queue, by the connection string in {CONNECTION}, or by --namespace and identity"
    )
    where.add_argument("--settings", type=Path, help="the queue that a local.settings.json names, for func start")
    where.add_argument("--app", metavar="URL", help="a running app: its push address takes signed messages")
    parser.add_argument("--namespace", help="with --queue: its namespace, as NAME.servicebus.windows.net")
    parser.add_argument("--admin", metavar="URL", help="the app that enrols and purges; default: --app")
    parser.add_argument(
        "--keys", type=Path, default=Path(".local/sample-keys"), help="where the tenants' keys are kept"
    )
    parser.add_argument("--vms", type=_vms, default=60, help="how many VMs; default: %(default)s")
    parser.add_argument(
        "--past", type=past, default=past("2h"), help="how much of the past, as 2h, 3d or 4w; default: 2h"
    )
    parser.add_argument("--live", action="store_true", help="then send each new minute, until Ctrl-C")
    parser.add_argument(
        "--remove", action="store_true", help="send nothing: purge the sample tenants by --admin or --app"
    )
    return parser


def _run(options: argparse.Namespace) -> None:
    address = options.admin or options.app
    operator = Operator(address) if address else None
    if options.remove:
        if operator is None:
            raise ValueError("--remove wants --app or --admin: the app purges")
        for tenant, removed in operator.remove(NAMES):
            print(f"{tenant}: {removed}", flush=True)
        for tenant in NAMES:
            _key(options.keys, tenant).unlink(missing_ok=True)  # it is revoked, and so for good
        return
    signers = {tenant: signer_of(_key(options.keys, tenant))[0] for tenant in NAMES} if operator else {}
    to = _destinations(options, signers)
    if operator and operator.enrol({tenant: (signers[tenant].public, f"Sample: {NAMES[tenant]}") for tenant in NAMES}):
        print(f"the sample tenants are enrolled; in {KNOWN_SECONDS} seconds all of the app knows that", flush=True)
        _sleep(KNOWN_SECONDS)
    sender = Sender(fleet(options.vms), to, signers)
    end = _minute(_time())
    start = end - options.past
    with tqdm(total=options.past // MINUTE, desc="sending", unit=" min") as bar:
        samples = 0
        for window in range(window_of(start), end, HOUR):
            first, last = max(start, window), min(end, window + HOUR)
            samples += sender.send(first, last)
            bar.update((last - first) // MINUTE)
    print(f"sent {samples:,} samples of {options.vms} VMs", flush=True)
    while options.live:
        _sleep(MINUTE - _time() % MINUTE)
        start, end = end, _minute(_time())
        print(f"sent {sender.send(start, end):,} samples", flush=True)


def _minute(now: float) -> int:
    return int(now) // MINUTE * MINUTE


def _key(folder: Path, tenant: str) -> Path:
    return folder / f"{tenant}.key"


def _destinations(options: argparse.Namespace, signers: Mapping[str, Signer]) -> Callable[[str], Destination]:
    """Return what makes a tenant's destination. Raises ValueError."""
    connection = os.environ.get(CONNECTION)
    if sum(map(bool, (options.folder, options.queue, options.settings, options.app))) != 1:
        raise ValueError("give one of --folder, --queue, --settings and --app")
    if options.settings:
        return _named_by(options.settings)
    if options.folder:
        return lambda _: FolderDestination(options.folder)
    if options.app:
        server = Server(options.app)
        return lambda tenant: AppDestination(server, signers[tenant])
    if bool(options.namespace) == bool(connection):
        raise ValueError(f"--queue wants either --namespace or the environment variable {CONNECTION}")
    return lambda _: ServiceBusDestination(options.queue, options.namespace, connection)


def _named_by(path: Path) -> Callable[[str], Destination]:
    """Return the queue that a settings file names. Raises OSError and ValueError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))["Values"]
        queue = values["QUEUE_NAME"]
        where = (values.get(f"{SETTING}__fullyQualifiedNamespace") or None, values.get(SETTING) or None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} names no queue (Values: QUEUE_NAME, {SETTING}): {error!r}") from error
    if where == (None, None):
        raise ValueError(f"{path} names no {SETTING} and no {SETTING}__fullyQualifiedNamespace")
    return lambda _: ServiceBusDestination(queue, *where)


def main(arguments: Sequence[str] | None = None) -> int:
    """Send, or remove; return the exit code."""
    options = parser_of_sample().parse_args(arguments)
    try:
        _run(options)
    except KeyboardInterrupt:
        return 0
    except (SpotError, Unavailable, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
