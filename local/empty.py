"""``python -m local.empty`` (``make empty``): removes what the store holds of all tenants, if its name is typed again.

It takes the app's settings from the environment, and from a ``local.settings.json`` (``--settings``) for those that the
environment does not set; without any, the store is the local host's. It does the same as the operator's endpoint, but
in this process, so it also works while the app is down.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from blueprints.services import Services, build
from blueprints.settings import load
from domain.errors import SpotError
from local.check import read_settings
from local.quarantine import noted
from pipeline.emptying import Emptying
from pipeline.operations import Figures, carry_out


async def _run(arguments: argparse.Namespace) -> int:
    services = build(load())
    try:
        counted = await carry_out(
            Emptying(arguments.enrolment, dry_run=True), await services.context(services.now, float("inf"))
        )
        print(f"{services.store} holds {in_words(counted)}.", flush=True)
        if not await _confirmed(services, arguments.confirm):
            print(f"Nothing was removed: {services.store} was not typed.", file=sys.stderr)
            return 1
        done = await noted(services, Emptying(arguments.enrolment))
        print(f"Removed {done['documents']:,} documents.")
        return 0
    finally:
        await services.tables.documents.close()


async def _confirmed(services: Services, given: str | None) -> bool:
    if given is None:
        prompt = f"To remove them for good, type {services.store} and press Enter: "
        try:
            given = await asyncio.to_thread(input, prompt)
        except EOFError:
            return False
    return given.strip() == services.store


def in_words(counted: Figures) -> str:
    """Return what a dry run has counted, in words."""
    words = f"{counted['documents']:,} documents"
    if "requestUnits" in counted:
        units, dollars, hours = counted["requestUnits"], counted["dollarMillionths"] / 1e6, counted["seconds"] / 3600
        words += f"; to remove them takes at most {units:,} request units, {dollars:,.2f} USD and {hours:.1f} hours"
    return words


def main() -> int:
    """Carry out the command. Return 1 if that fails or is not confirmed."""
    parser = argparse.ArgumentParser(prog="python -m local.empty", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--confirm", help="the name of the store, instead of typing it")
    parser.add_argument("--enrolment", action="store_true", help="also remove the tenants' enrolment, keys and codes")
    parser.add_argument("--settings", type=Path, help="a local.settings.json for settings that the environment lacks")
    arguments = parser.parse_args()
    try:
        if arguments.settings:
            read_settings(arguments.settings)
        if not os.environ.get("COSMOS_ENDPOINT"):
            local_store = Path(os.environ.get("DATA") or ".local") / "store.db"
            store = Path(os.environ.setdefault("SQLITE_PATH", str(local_store)))
            if not store.exists():
                print(f"{store} does not exist: there is nothing to remove.")
                return 0
        return asyncio.run(_run(arguments))
    except (SpotError, OSError, ValueError, KeyError) as error:
        print(f"the store could not be emptied: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
