"""The agent at work: what a source tells becomes files, by the clock; what can't be written waits, within bounds.

Knows sources (edge.inputs), what gathers (edge.gathering) and files (edge.files); refuses to know options, and what
time it is. One VM's file that can't be written holds up no other's, and nothing that was read is read again for it.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from domain.counters import Reduction
from domain.minutes import MINUTE, WINDOW
from domain.samples import FUTURE_TOLERANCE, Sample
from edge.files import path_of, save_part, saved_parts, write_file
from edge.gathering import Agent, Identity
from edge.inputs import Source
from edge.telegraf import GROWING, Moment

LATE_SECONDS = 15
"""How long after a period's end its file is written: what is read late in its last minute still counts."""

MOST_UNREAD = 8
"""Periods of a VM that may wait to be written before no more is read of a source that waits."""

MOST_WAITING = 96
"""Periods of a VM that may wait at all, a day of them; of a source that can't wait, the oldest is lost then."""


class Identify(Protocol):
    """Gives the masked identity of a host; None: this machine."""

    def __call__(self, host: str | None) -> Identity:
        """See Identify."""


class Program:
    """An agent for each VM that the source tells of (one, but for Telegraf's of several hosts), and their files."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        identify: Identify,
        period: int = WINDOW,
        reductions: Mapping[str, Reduction] | None = None,
        *,
        dry_run: bool = False,
    ) -> None:
        """Gather into periods of so many seconds."""
        self._source = source
        self._folder = folder
        self._identify = identify
        self._period = period
        self._reductions = {**GROWING, **(reductions or {})}
        self.dry_run = dry_run
        self._agents: dict[str, Agent] = {}
        self._of_host: dict[str | None, Agent] = {}
        self._to_restore: list[str] = []
        self._saved = 0
        self._shown: dict[str, int] = {}
        self._ahead = 0
        self._unread = self._away = ""
        self._unwritten: dict[str, str] = {}
        self.lost = 0
        """How many files' worth of readings were given up, since they could not be written for too long."""

    def _agent(self, host: str | None) -> Agent:
        """Return a host's agent; two spellings of a name are one VM."""
        if host not in self._of_host:
            identity = self._identify(host)
            if identity.vm not in self._agents:
                self._agents[identity.vm] = Agent(identity, self._period, self._reductions)
                self._to_restore += [] if self.dry_run else [identity.vm]
            self._of_host[host] = self._agents[identity.vm]
        return self._of_host[host]

    def tick(self, now: int, *, last: bool = False) -> list[Path]:
        """Read, and write what is due; return its files. ``last``: write all that there is.

        What can't be read or written is told by :attr:`trouble`, and tried again the next time.
        """
        written: list[Path] = []
        self._unread = ""
        try:
            for piece in () if self._full(now) else self._source.read():
                self._take(piece, now)
                written += self._write(now, last=last)
                if self._full(now):
                    break
        except OSError as error:
            self._unread = f"{error}; tries again"
        written += self._write(now, last=last)
        if now - now % MINUTE != self._saved and not last:
            self.save(now)
            self._saved = now - now % MINUTE
        return written

    def _take(self, piece: Sequence[Moment], now: int) -> None:
        for moment in piece:
            self._ahead += moment.timestamp > now + FUTURE_TOLERANCE
            self._agent(moment.host).add(moment.timestamp, moment.values)

    def _due(self, agent: Agent, now: int) -> list[int]:
        """Return the periods to write, each VM's a little later than others' so that not all write at once."""
        spread = zlib.crc32(agent.identity.vm.encode()) % max(1, self._period // 15)
        return agent.changed(now - LATE_SECONDS - spread)

    def _full(self, now: int) -> bool:
        """Tell whether so much waits to be written that what is not read had better stay where it is."""
        return self._source.waits and any(len(self._due(each, now)) >= MOST_UNREAD for each in self._agents.values())

    def _write(self, now: int, *, last: bool) -> list[Path]:
        self._restore()
        self._unwritten.clear()
        written = []
        for vm, agent in self._agents.items():
            for period in agent.open() if last else self._due(agent, now):
                try:
                    if vm in self._to_restore:  # else what an earlier run had kept would be lost
                        raise OSError(self._away)
                    written.append(self._write_one(agent, period))
                except OSError as error:
                    self._unwritten[vm] = str(error)
            waiting = self._due(agent, now)
            for period in waiting[: max(0, len(waiting) - MOST_WAITING)]:
                agent.written(period)
                self.lost += 1
        return written

    def _write_one(self, agent: Agent, period: int) -> Path:
        samples = agent.samples(period, period + self._period)
        if self.dry_run:
            self._show(samples)
        else:
            write_file(self._folder, agent.identity, period, samples)
        agent.written(period)
        return path_of(self._folder, agent.identity, period)

    def _restore(self) -> None:
        """Go on from what an earlier run had kept of periods, as soon as the folder can be looked at."""
        while self._to_restore:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                agent = self._agents[self._to_restore[-1]]
                for samples in saved_parts(self._folder, agent.identity):
                    agent.restore(samples)
            except OSError as error:
                self._away = str(error)
                return
            self._to_restore.pop()
        self._away = ""

    def save(self, now: int) -> bool:
        """Keep the minutes that are over of periods that are not, and how far was read; tell whether that succeeded."""
        for agent in self._agents.values():
            for period in agent.open():
                samples = agent.samples(period, now)
                if self.dry_run:
                    self._show(samples)
                elif samples and agent.identity.vm not in self._to_restore:
                    try:
                        save_part(self._folder, agent.identity, period, samples)
                    except OSError as error:
                        self._unwritten[agent.identity.vm] = str(error)
        if self._unwritten or self._to_restore:
            return False
        if not self.dry_run:
            try:
                self._source.save()
            except OSError as error:
                self._unread = f"{error}; tries again"
                return False
        return True

    @property
    def unwritten(self) -> str:
        """What is read and not written yet, in words; empty if nothing is."""
        periods = sum(len(agent.open()) for agent in self._agents.values())
        minutes = sum(len(agent.minutes()) for agent in self._agents.values())
        vms = sum(bool(agent.open()) for agent in self._agents.values())
        return f"{minutes} minutes of {vms} VMs, {periods} files" if periods else ""

    @property
    def trouble(self) -> str:
        """What can't be read or written now, in words; empty if all can."""
        return "; ".join(filter(None, self._troubles()))

    def _troubles(self) -> Iterator[str]:
        yield self._source.trouble
        yield self._unread
        if self._unwritten:
            first = next(iter(self._unwritten.values()))
            yield f"files of {len(self._unwritten)} VMs can't be written, and wait: {first}; tries again"
        if self.lost:
            yield f"{self.lost} files are lost, since they could not be written for {MOST_WAITING} times as long"
        if self._ahead:
            yield f"{self._ahead} readings were of a time to come: is a clock wrong?"

    def _show(self, samples: Sequence[Sample]) -> None:
        """Print samples that were not printed yet, each as a line of JSON."""
        for sample in samples:
            if sample.timestamp > self._shown.get(sample.MaskedVMName, 0):
                print(msgspec.json.encode(sample).decode(), flush=True)
        self._shown.update({sample.MaskedVMName: sample.timestamp for sample in samples})
