"""Make the database and containers in the emulator that local.settings.sample.json names (``make emulators``).

In Azure, Bicep makes them. Run from the project's folder: ``PYTHONPATH=. python infra/emulators/create_tables.py``.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from domain.errors import Unavailable
from storage.cosmos import CosmosDocuments
from storage.cosmos_client import Account
from storage.schema import schema

SAMPLE = Path(__file__).parents[2] / "local.settings.sample.json"
PATIENCE_SECONDS = 120


async def main() -> int:
    """Create what is missing, as soon as the emulator answers."""
    values = json.loads(SAMPLE.read_text())["Values"]
    tables = schema(int(values["SAMPLES_RETENTION_DAYS"]), int(values["REPORT_RETENTION_DAYS"]))
    account = Account(values["COSMOS_ENDPOINT"], values["COSMOS_DATABASE"], values["COSMOS_KEY"])
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        documents = CosmosDocuments(account, tables)
        try:
            await documents.create_tables()
        except Unavailable as error:
            if time.monotonic() > end:
                print(error, file=sys.stderr)
                return 1
            print(f"waiting for the emulator at {account.endpoint} ...", flush=True)
            await asyncio.sleep(3)
        else:
            print(f"{account.endpoint} has the database {account.database} with {', '.join(tables)}")
            return 0
        finally:
            await documents.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
