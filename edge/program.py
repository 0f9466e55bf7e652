"""The agent at work: turns readings of a source into files, by the clock. Unwritten files wait, within limits.

Knows sources (edge.inputs), the gathering (edge.gathering) and the spool (edge.spool). Does not know options, delivery
or the current time. If one VM's file can't be written, other VMs' files are not delayed, and no reading is read again.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from domain.counters import Reduction
from domain.minutes import MINUTE, WINDOW
from domain.samples import FUTURE_TOLERANCE, Sample
from edge.files import path_of
from edge.gathering import Agent, Identity
from edge.inputs import Source
from edge.spool import MOST_WAITING, Spool
from edge.telegraf import GROWING, Moment

LATE_SECONDS = 15
"""Seconds from a period's end until its file is written, so that late readings of its last minute still count."""

MOST_UNREAD = 8
"""How many periods of a VM wait to be written when the agent stops reading a source that can wait."""

EARLY = 2 * MINUTE
"""After so many seconds, in whole minutes of the clock, the first file of a new VM is written."""


class Identify(Protocol):
    """Gives the identity of a host. None stands for this machine."""

    def __call__(self, host: str | None) -> Identity:
        """See Identify."""


class Program:
    """An agent for each VM in the source, and their files. Only Telegraf sources can have several hosts."""

    def __init__(
        self,
        source: Source,
        spool: Spool | None,
        identify: Identify,
        period: int = WINDOW,
        reductions: Mapping[str, Reduction] | None = None,
        *,
        early: bool = False,
    ) -> None:
        """Gather readings into periods of the given number of seconds. Without a spool, samples are only printed.

        ``early``: this VM is new. The first file is written after two full minutes, and later once more, when it is
        whole.
        """
        self._source = source
        self._spool = spool
        self._early = early
        self._began: int | None = None
        self._identify = identify
        self._period = period
        self._reductions = {**GROWING, **(reductions or {})}
        self._agents: dict[str, Agent] = {}
        self._of_host: dict[str | None, Agent] = {}
        self._saved = 0
        self._shown: dict[str, int] = {}
        self._ahead = 0
        self._unread = ""
        self._unwritten: dict[str, str] = {}
        self.lost = 0
        """How many files' worth of readings were dropped, because they could not be written for too long."""

    def _agent(self, host: str | None) -> Agent:
        """Return a host's agent. Two spellings of a name mean the same VM."""
        if host not in self._of_host:
            identity = self._identify(host)
            if identity.vm not in self._agents:
                self._agents[identity.vm] = Agent(identity, self._period, self._reductions)
            self._of_host[host] = self._agents[identity.vm]
        return self._of_host[host]

    def tick(self, now: int, *, last: bool = False) -> list[Path]:
        """Read, write the files that are due, and return them. ``last``: write everything.

        :attr:`trouble` tells what can't be read or written. The next tick tries it again.
        """
        self._began = now if self._began is None else self._began
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
        if self._early and not written and now - now % MINUTE - self._began >= EARLY:
            written += self.flush(now)
        self._early = self._early and not written
        if now - now % MINUTE != self._saved and not last:
            self.save(now)
            self._saved = now - now % MINUTE
        return written

    def _take(self, piece: Sequence[Moment], now: int) -> None:
        for moment in piece:
            self._ahead += moment.timestamp > now + FUTURE_TOLERANCE
            self._agent(moment.host).add(moment.timestamp, moment.values)

    def _due(self, agent: Agent, now: int) -> list[int]:
        """Return the periods to write. Each VM has its own small delay, so that VMs do not all write at once."""
        spread = zlib.crc32(agent.identity.vm.encode()) % max(1, self._period // 15)
        return agent.changed(now - LATE_SECONDS - spread)

    def _full(self, now: int) -> bool:
        """Tell whether so much waits to be written that unread data should stay in the source."""
        return self._source.waits and any(len(self._due(each, now)) >= MOST_UNREAD for each in self._agents.values())

    def _write(self, now: int, *, last: bool) -> list[Path]:
        self._unwritten.clear()
        written = []
        for vm, agent in self._agents.items():
            for period in agent.open() if last else self._due(agent, now):
                samples = agent.samples(period, period + self._period)
                try:
                    written.append(self._put(agent, period, samples, now))
                    agent.written(period)
                except OSError as error:
                    self._unwritten[vm] = str(error)
            waiting = self._due(agent, now)
            for period in waiting[: max(0, len(waiting) - MOST_WAITING)]:
                agent.written(period)
                self.lost += 1
        return written

    def _put(self, agent: Agent, period: int, samples: Sequence[Sample], now: int) -> Path:
        if self._spool is None:
            self._show(samples)
            return path_of(Path(), agent.identity, period)
        return self._spool.write(agent.identity, period, samples, now)

    def flush(self, now: int) -> list[Path]:
        """Write the complete minutes of all periods, ended or not. Return the files. They stay to be written whole."""
        self._unwritten.clear()
        written = []
        for vm, agent in self._agents.items():
            for period in agent.open():
                try:
                    if samples := agent.samples(period, now):
                        written.append(self._put(agent, period, samples, now))
                except OSError as error:
                    self._unwritten[vm] = str(error)
        return written

    def save(self, now: int) -> bool:
        """Save the complete minutes of unfinished periods, and the read position. Tell whether that succeeded."""
        for agent in self._agents.values():
            for period in agent.open():
                samples = agent.samples(period, now)
                if self._spool is None:
                    self._show(samples)
                elif samples:
                    try:
                        self._spool.save_part(agent.identity, period, samples, now)
                    except OSError as error:
                        self._unwritten[agent.identity.vm] = str(error)
        return self._save_position()

    def close(self, now: int) -> bool:
        """Write what there is, since the agent ends. Tell whether that succeeded."""
        self.flush(now)
        return self._save_position()

    def _save_position(self) -> bool:
        """Save how far the source was read, if all of that is saved. Tell whether that succeeded."""
        if self._spool is None:
            return True
        try:
            if not self._unwritten:
                self._source.save()
        except OSError as error:
            self._unread = f"{error}; tries again"
            return False
        return not self._unwritten

    @property
    def unwritten(self) -> str:
        """Data that is read but not written yet, in words. Empty if there is none."""
        periods = sum(len(agent.open()) for agent in self._agents.values())
        minutes = sum(len(agent.minutes()) for agent in self._agents.values())
        vms = sum(bool(agent.open()) for agent in self._agents.values())
        return f"{minutes} minutes of {vms} VMs, {periods} files" if periods else ""

    @property
    def trouble(self) -> str:
        """Data that can't be read or written now, in words. Empty if there is none."""
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
