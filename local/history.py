"""``python -m local.history``: fills the sample fleet's past weeks: a window of each hour (--hourly), or all windows.

The local host starts one for each core, first for the hours and then for all (HISTORY_DAYS). Each takes a share of the
windows, and works as one more instance of the app: the samples are packed, signed, ingested and averaged as all others
are, only without the queue, so that what comes now need not wait. A VM has one sample of each counter in a window,
which is the window's value. A window that has data is left alone. So it may be stopped at any time, and goes on at the
next start.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from blueprints.services import Services, close, services
from domain.errors import SpotError
from domain.minutes import DAY, HOUR, WINDOW, window_of
from domain.names import split_key
from domain.packing import pack
from domain.samples import Sample
from domain.signed import HEAD_BYTES, Signer
from domain.taking import Taking
from local.edge import FILL_SECONDS, FILLED
from local.enrolling import spoc_keys
from local.fleet import Desktop, desktops
from pipeline.averaging import average_and_close
from pipeline.concurrency import gather
from pipeline.ingest import Message, ingest
from storage.tables import Tables
from storage.tables.cursors import Filling

MESSAGE_BYTES = 250_000
AT_ONCE = 4
"""How many windows are worked on side by side, so that some compute while others wait for the disk."""

POLL_SECONDS = 0.2
HOURLY = WINDOW / HOUR
"""The share of windows that begin an hour."""


def windows(days: int, now: int, share: tuple[int, int] = (1, 1), *, hourly: bool = False) -> Sequence[int]:
    """Return a worker's share of the windows of so many days before the last two hours, the newest first.

    ``hourly``: only one window of each hour, so that all weeks are there hour by hour after a quarter of the time.
    """
    every = range(window_of(now - FILL_SECONDS) - WINDOW, window_of(now - days * DAY), -WINDOW)
    part, parts = share
    return [window for window in every if not (hourly and window % HOUR)][part - 1 :: parts]


def samples_of(desktop: Desktop, window: int) -> list[Sample]:
    """Return a desktop's samples of a window: one of each counter, in the window's middle."""
    names, dimensions = desktop.identity, desktop.identity.dimensions
    return [
        Sample(
            timestamp=window + WINDOW // 2,
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
        for key, value in sorted(desktop.of_window(window).items())
        for perf_type, perf_name in [split_key(key)]
    ]


@dataclass(frozen=True, slots=True)
class History:
    """Fills windows of a fleet's past."""

    shared: Services
    fleet: Mapping[str, Sequence[Desktop]]
    """The desktops by tenant."""
    signers: Mapping[str, Signer]

    async def fill(self, window: int) -> None:
        """Ingest and average a window, unless it has data. Raises Unavailable."""
        shared, tables = self.shared, self.shared.tables
        if await tables.rollups.has_begun(window):
            return
        batch = [
            Message(body, f"history-{window}", shared.now)
            for tenant, vms in self.fleet.items()
            for body in self._messages(tenant, vms, window)
        ]
        settings = shared.settings
        await ingest(
            tables,
            batch,
            await shared.horizon(),
            settings.reductions,
            trust=await shared.trust(),
            taking=Taking(settings.counters or ()),
        )
        # The window closes at once, and then its summaries are made: once.
        rules = replace(settings.rules, summaries_at_once=False)
        await average_and_close(tables, window, replace(shared.times, lateness=0), rules)

    def _messages(self, tenant: str, vms: Sequence[Desktop], window: int) -> Iterator[bytes]:
        signer = self.signers[tenant]
        for packed in pack((samples_of(each, window) for each in vms), MESSAGE_BYTES - HEAD_BYTES):
            yield signer.signed(packed.body)


def history_of(shared: Services, data: Path, vms: int) -> History:
    """Return what fills a fleet's past with the keys in the data folder. Raises OSError and ValueError."""
    fleet: dict[str, list[Desktop]] = {}
    for desktop in desktops(vms):
        fleet.setdefault(desktop.identity.tenant, []).append(desktop)
    return History(shared, fleet, spoc_keys(data))


def _wait_for_the_last_two_hours(data: Path) -> None:
    """Wait until they are pushed, since people look at them first; or until the host that started this has ended."""
    host = os.getppid()
    while not (data / FILLED).exists() and os.getppid() == host:
        time.sleep(POLL_SECONDS)


async def _averages(tables: Tables, since: int) -> bool:
    """Tell whether windows from ``since`` on wait for averaging: the app's process works on the last two hours."""
    return any(mark.value.window >= since for mark in await tables.marks.read())


async def _run(options: argparse.Namespace) -> None:
    host, began = os.getppid(), int(time.time())
    history = history_of(services(), options.data, options.vms)
    tables = history.shared.tables
    newest = window_of(began - FILL_SECONDS)
    while await _averages(tables, newest) and os.getppid() == host:  # noqa: ASYNC110  (another process)
        await asyncio.sleep(POLL_SECONDS)
    days = min(options.days, history.shared.settings.samples_retention_days - 1)
    asked = windows(days, began, options.share, hourly=options.hourly)
    first = options.share[0] == 1  # it tells of all: their shares are equal
    what = f"filling {days} days" + (", hour by hour" if options.hourly else "")
    with tqdm(total=len(asked), desc=what, unit=" windows", disable=not first, mininterval=1) as bar:
        for at in range(0, len(asked), AT_ONCE):
            if os.getppid() != host:
                break
            some = asked[at : at + AT_ONCE]
            await gather(map(history.fill, some))
            bar.update(len(some))
            if first:
                done = (at + len(some)) / len(asked)
                share = done * HOURLY if options.hourly else HOURLY + done * (1 - HOURLY)
                await tables.cursors.write_filling(Filling(share, history.shared.now))
    await close()


def _share(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    return int(part), int(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill a share of the windows; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.history", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vms", type=int, required=True)
    parser.add_argument("--days", type=int, required=True)
    parser.add_argument("--share", type=_share, default=(1, 1), metavar="1/2", help="which part of the windows")
    parser.add_argument("--hourly", action="store_true", help="only one window of each hour")
    options = parser.parse_args(arguments)
    with suppress(AttributeError, OSError):  # Windows has no such thing
        os.nice(10)  # answers come first
    try:
        _wait_for_the_last_two_hours(options.data)
        asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 0
    except SpotError as error:
        print(f"the fleet's past is not filled any further; the next start goes on: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
