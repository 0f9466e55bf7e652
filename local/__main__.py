"""``python -m local`` (``make run``): runs the app, its queue and its sample fleet on this machine.

Reads PORT, DATA, FLEET, HISTORY_DAYS, KEYS, PRINCIPALS and PLATFORM_LIKE from the environment, and passes the app's own
settings through. Ctrl-C ends it; the next start continues with the same data.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from blueprints.http.endpoints import ENDPOINTS
from blueprints.services import close, services
from domain.errors import SpotError
from local.edge import FILLED, this_machine
from local.enrolling import enrol_fleet
from local.fleet import FLEET
from local.host import Host, resolve
from local.platform import HOME, Platform
from local.routes import Route
from local.worker import FunctionFailed

FOLDER = Path(__file__).parent.parent
HISTORY_DAYS = 28
MOST_DAYS = 400
MOST_WORKERS = 4
"""The most processes that fill the fleet's past: more would only wait for the store's one writer."""

LEARN = "learn"
"""The timer's function that starts learning (blueprints.learning)."""

GROUP_OF_ITS_OWN: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""Windows' way to keep Ctrl-C from a program; 0 elsewhere."""
LOCAL_DEFAULTS = {
    # More often than in Azure (every minute), since a developer's waiting costs more here than the runs.
    "AVERAGING_SCHEDULE": "*/10 * * * * *",
    "ALLOWED_LATENESS_MINUTES": "1",  # the sample fleet pushes every minute
    "QUEUE_NAME": "samples",
}


def _number(name: str, default: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or int(text) > most:
        sys.exit(f"{name}={text} is not a whole number from 0 to {most}")
    return int(text)


@contextlib.asynccontextmanager
async def _fleet(host: Host, data: Path, vms: int, days: int) -> AsyncIterator[None]:
    """Run the sample fleet, and what fills its past, in processes of their own."""
    of = ("--data", str(data), "--vms", str(vms))
    (data / FILLED).unlink(missing_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        if vms:
            await stack.enter_async_context(_beside("the sample fleet", "local.edge", *of))
        past = asyncio.create_task(_fill(host, *of, "--days", str(days))) if vms and days else None
        try:
            yield
        finally:
            if past:
                past.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await past


async def _fill(host: Host, *of: str) -> None:
    """Fill the sample fleet's past, first hour by hour, then all of it. Each time, let the app learn what is normal."""
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    for which in (("--hourly",), ()):
        async with contextlib.AsyncExitStack() as stack:
            shares = [(*of, *which, "--share", f"{part}/{workers}") for part in range(1, workers + 1)]
            running = [
                await stack.enter_async_context(_beside("the sample fleet's past", "local.history", *share))
                for share in shares
            ]
            ended = await asyncio.gather(*(process.wait() for process in running))
        if any(ended):
            return
        await host.fire(LEARN)


@contextlib.asynccontextmanager
async def _beside(what: str, module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module in a process of its own, as long as the block."""
    command = [sys.executable, "-m", module, *arguments]
    # In a session or group of its own, so that Ctrl-C reaches only the host. The host then ends the fleet.
    apart = {"creationflags": GROUP_OF_ITS_OWN} if GROUP_OF_ITS_OWN else {"start_new_session": True}
    process = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, **apart)

    async def watch() -> None:
        if await process.wait():
            print(
                f"{what} has ended with exit code {process.returncode}; the app continues without it",
                flush=True,
            )

    watching = asyncio.create_task(watch())
    try:
        yield process
    finally:
        watching.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _run(port: int, data: Path, vms: int, days: int, platform: Platform) -> None:
    host = await Host.load(FOLDER, data, platform)
    # The loaded modules stay. Unless frozen, each full collection would scan them while requests wait.
    gc.collect()
    gc.freeze()
    stop = _asked_to_stop()
    if vms:
        await _enrol(data)
    async with host.running(port):
        _announce(host, port, vms, days)
        async with _fleet(host, data, vms, days):
            await stop.wait()
            print("\nending ...", flush=True)
    await close()


def _asked_to_stop() -> asyncio.Event:
    """Return what is set by Ctrl-C and by a request to terminate. Windows has no signal handlers of event loops."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    return stop


async def _enrol(data: Path) -> None:
    """Enrol the sample fleet's tenants. If the store is unavailable, their messages will wait in quarantine."""
    try:
        shared = services()
        await enrol_fleet(shared.tables, data, shared.now)
    except SpotError as error:
        print(f"the sample fleet's tenants can't be enrolled; to try again, restart the host: {error}", flush=True)


def _announce(host: Host, port: int, vms: int, days: int) -> None:
    address = f"http://127.0.0.1:{port}"
    here = this_machine()
    lines = [
        "",
        f"Spot PC Insights runs at {address}/   (a development host: one process)",
        "",
        *[
            f"  {_method(route):5}{address}/{'' if route.template.startswith('{') else route.template}"
            for route in host.routes
        ],
        "",
        f"  access      {_access(host.platform)}",
        f"  averaging   {resolve(str(host.of_type('timerTrigger')[0].trigger['schedule']))}  (seconds first, UTC)",
        f"  queue       {host.queue.folder}/   a file moved here is one message",
        f"  store       {os.environ.get('COSMOS_ENDPOINT') or os.environ['SQLITE_PATH']}",
    ]
    if vms:
        lines += [
            f"  fleet       {vms} sample VMs and this machine, pushed every minute",
            f"  history     {days} days of the fleet, filled in the background (HISTORY_DAYS)",
            f"  this machine  {address}/?tenant={here.tenant}&vm={here.vm}",
        ]
    else:
        lines.append("  fleet       none (FLEET=0)")
    print("\n".join([*lines, "", "Ctrl-C ends it; the next start continues with the same data.", ""]), flush=True)


def _method(route: Route) -> str:
    return next((each.methods[0] for each in ENDPOINTS if each.name == route.function.name), "GET")


def _access(platform: Platform) -> str:
    keys = "function keys are required (KEYS)" if platform.keys else "no function keys (KEYS sets them)"
    if platform.principals is None:
        return f"{keys}; every caller is the operator (PRINCIPALS lets others sign in)"
    return f"no keys; sign in by Authorization: Bearer {' or '.join(platform.principals)}"


def main() -> int:
    """Run until interrupted; return the exit code."""
    port, vms = _number("PORT", 7071, 65_535), _number("FLEET", FLEET, 100_000)
    # On an account that charges, weeks are filled only if somebody asks for them.
    days = _number("HISTORY_DAYS", 0 if os.environ.get("COSMOS_ENDPOINT") else HISTORY_DAYS, MOST_DAYS)
    data = Path(os.environ.get("DATA") or ".local").resolve()
    if not os.environ.get("COSMOS_ENDPOINT"):
        os.environ.setdefault("SQLITE_PATH", str(data / "store.db"))
        os.environ.setdefault("SUMMARIES", "at once")
    os.environ.setdefault("QUEUE_FOLDER", str(data / "queue"))
    for name, value in LOCAL_DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        platform = Platform.of(*(os.environ.get(name, "") for name in ("KEYS", "PRINCIPALS", "PLATFORM_LIKE")))
    except ValueError as error:
        sys.exit(str(error))
    if platform.principals is not None:
        os.environ.setdefault("PLATFORM_AUTHENTICATION", "true")
        os.environ.setdefault("ROLE_DIRECTORY", HOME)
        os.environ["WEBSITE_AUTH_ENABLED"] = "true"  # as the platform itself does
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("blueprints", "local"):
        logging.getLogger(name).setLevel(os.environ.get("LOG_LEVEL", "WARNING").upper())
    try:
        asyncio.run(_run(port, data, vms, days, platform))
    except FunctionFailed as error:
        print(f"the app can't be loaded: {error}", file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error) as error:
        print(f"can't start on port {port} with data in {data}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
