"""Removes the samples of VM windows: they are emptied, and removed later. Knows nothing of what derives from them."""

from contextlib import suppress
from dataclasses import replace

from domain.samples import VmWindow
from storage.documents import Conflict
from storage.tables import Tables
from storage.tables.table import Stored


async def empty(tables: Tables, found: Stored[VmWindow]) -> None:
    """Remove all samples from a VM window, also new ones."""
    window, etag = found.value, found.etag
    while True:
        try:
            await tables.samples.write(replace(window, series={}), etag)
        except Conflict:
            stored = await tables.samples.read(window.tenant, window.vm, window.window)
            if stored is None:
                return
            etag = stored.etag
        else:
            return


async def remove(tables: Tables, emptied: Stored[VmWindow]) -> None:
    """Remove an emptied VM window, unless it has new samples or was removed."""
    with suppress(Conflict):
        await tables.samples.delete(emptied.value, emptied.etag)
