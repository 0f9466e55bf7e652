"""``python -m local.quarantine``: lists, shows, re-ingests and drops refused inputs in the store that is set.

It takes the app's settings from the environment, and from a ``local.settings.json`` (``--settings``) for those that the
environment does not set. It does the same as the operator's endpoints, but in this process, so it also works while the
app is down.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

from blueprints.services import Services, build
from blueprints.settings import load
from domain.errors import SpotError
from domain.minutes import iso, utc_day
from local.check import read_settings
from pipeline.operations import Figures, Operation, carry_out, note, record_of
from pipeline.quarantine import Drop, Reingest


async def show(services: Services, day: str, message: str | None) -> None:
    """Print the messages with refused inputs of a day, or all refused inputs of one message."""
    if message is None:
        found = [each async for each in services.tables.quarantine.messages(day)]
        for each in found:
            print(
                f"{each.message}  {iso(each.received)}  id {each.message_id or '-'}  of {each.proven or 'nobody known'}"
            )
            for reason, count in each.reasons.items():
                print(f"    {count} times: {reason}")
        print(f"{len(found)} messages of {day}" + ("" if not found else "; --message NAME shows its refused inputs"))
        return
    quarantined = await services.tables.quarantine.message(day, message)
    if quarantined is None:
        sys.exit(f"no message {message} of {day} is in the quarantine")
    for refused in await services.tables.quarantine.inputs(quarantined):
        print(f"at {refused.position}: {refused.reason}\n    {refused.input}")


async def noted(services: Services, operation: Operation) -> Figures:
    """Carry out an operation, and record it."""
    record = record_of(operation, f"{os.environ.get('USER', 'somebody')}, by command", services.now)
    await note(services.tables, record, record.started)
    figures = await carry_out(operation, await services.context(record.started, float("inf")))
    await note(services.tables, record, services.now, figures)
    return figures


async def _run(arguments: argparse.Namespace) -> None:
    services = build(load())
    try:
        match arguments.action:
            case "list":
                await show(services, arguments.day, arguments.message)
            case "reingest":
                print(
                    await noted(
                        services, Reingest(arguments.day, arguments.message, arguments.reason, arguments.tenant)
                    )
                )
            case "drop":
                print(await noted(services, Drop(arguments.day, arguments.message, arguments.reason)))
    finally:
        await services.tables.documents.close()


def main() -> int:
    """Carry out the command. Return 1 if that fails."""
    parser = argparse.ArgumentParser(prog="python -m local.quarantine", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("action", choices=["list", "reingest", "drop"])
    parser.add_argument("--day", default=utc_day(int(time.time())), help="the UTC day, as 2026-11-24; default: today")
    parser.add_argument("--message", help="only this message, by its name in the list; list then shows its inputs")
    parser.add_argument("--reason", help="only inputs that were refused for this reason (not for list)")
    parser.add_argument("--tenant", help="for reingest, with --message: take it as signed by this tenant")
    parser.add_argument("--settings", type=Path, help="a local.settings.json for settings that the environment lacks")
    arguments = parser.parse_args()
    if arguments.tenant and not arguments.message:
        parser.error("--tenant wants --message: you vouch for one message at a time")
    try:
        if arguments.settings:
            read_settings(arguments.settings)
        asyncio.run(_run(arguments))
    except (SpotError, OSError, ValueError, KeyError) as error:
        print(f"{arguments.action} failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
