"""Raw readings of this machine, by psutil, under the names that Telegraf's Windows plugins give them.

Knows psutil; refuses to know minutes, files and names of tenants. A reading that this machine can't give is left out,
never given as zero.
"""

import time
from collections.abc import Mapping

import psutil


class Machine:
    """The machine that this runs on. Rates and shares are taken between one call of :meth:`read` and the next."""

    def __init__(self) -> None:
        """Begin to measure."""
        psutil.cpu_percent()
        self._then = time.monotonic()
        self._disk = psutil.disk_io_counters()
        self._net = psutil.net_io_counters()

    def read(self) -> Mapping[str, float]:
        """Return the readings since the last call, by counter key."""
        now = time.monotonic()
        seconds = max(now - self._then, 0.001)
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        readings: dict[str, float] = {
            "win_cpu.percent_processor_time": psutil.cpu_percent(),
            "win_system.processes": len(psutil.pids()),
            "win_mem.percent_used": memory.percent,
            "win_mem.available_bytes": memory.available,
            "win_swap.percent_usage": swap.percent,
            "win_disk.percent_free_space": 100 - psutil.disk_usage("/").percent,
        }
        disk, net = psutil.disk_io_counters(), psutil.net_io_counters()
        if disk and self._disk:
            readings["win_disk.read_bytes_persec"] = (disk.read_bytes - self._disk.read_bytes) / seconds
            readings["win_disk.write_bytes_persec"] = (disk.write_bytes - self._disk.write_bytes) / seconds
            busy = getattr(disk, "busy_time", None)  # milliseconds; not on Windows
            if busy is not None:
                share = (busy - getattr(self._disk, "busy_time", 0)) / (seconds * 1000)
                readings["win_disk.percent_idle_time"] = 100 * (1 - min(max(share, 0.0), 1.0))
        if net and self._net:
            readings["win_net.bytes_received_persec"] = (net.bytes_recv - self._net.bytes_recv) / seconds
            readings["win_net.bytes_sent_persec"] = (net.bytes_sent - self._net.bytes_sent) / seconds
        self._then, self._disk, self._net = now, disk, net
        return {key: float(value) for key, value in readings.items() if value >= 0}
