"""``spot-pc agent``: measures this machine or reads Telegraf's data. Delivers a file of samples per period.

Combines options (edge.agent_options), an input (edge.inputs), the program that makes files of it (edge.program) and
what delivers them (edge.delivering), by the clock. The messages to administrators are in this file.
"""

import argparse
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.agent_options import (
    MASKING_KEY,
    agent_parser,
    check_period,
    drop_of,
    identify_of,
    masking_of,
    reductions_of,
    source_of,
)
from edge.delivering import Deliverer
from edge.drops import Drop
from edge.inputs import Source
from edge.machine import Installation, agent_state, keep, machine_folders, settle, this_machine
from edge.naming import Names, add_names, listed_names
from edge.options import read_options
from edge.program import Program
from edge.saying import Saying
from edge.spool import Spool
from edge.stopping import stop_event, wait

PATIENCE = 10
"""For how many seconds an agent that ends tries to write and deliver what it has."""

SAY_AGAIN = 900
"""Seconds after which the agent reports the same trouble again, if its numbers have changed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted, or for one period."""
    parser = agent_parser()
    options = read_options(parser, arguments, machine_folders().settings / "agent.toml", ("folder", "container"))
    say = Saying("agent", options.log)
    here = this_machine()
    if options.names:
        return _write_names(options, parser, say, here.host)
    if options.vms:
        parser.error("--vms wants --names, which says where to write them")
    drop = drop_of(options, parser)
    check_period(options, parser)
    identify = identify_of(options, parser, masking_of(options, parser, say), here.host)
    reductions = reductions_of(options, parser)
    state = agent_state(options.state or machine_folders().state)
    spooling = _Spooling.begin(state, drop, parser, say) if drop else None
    source = source_of(options, parser, reductions, state)
    early = bool(spooling and spooling.installation.early and not options.once)
    program = Program(
        source, spooling.spool if spooling else None, identify, options.push_every, reductions, early=early
    )
    stop = stop_event()
    say(f"reads {options.source}; delivers to {drop.where}" if drop else f"reads {options.source}; writes samples here")
    if spooling:
        spooling.deliverer.start()
    return _Run(program, source, spooling, say, once=options.once).until(stop)


def _write_names(
    options: argparse.Namespace, parser: argparse.ArgumentParser, say: Callable[[str], None], host: str
) -> int:
    """Add the names of this VM, or of a list of VMs, to a file."""
    if options.vms and options.vm:
        parser.error("give either --vm or --vms")
    key = masking_of(options, parser, say)
    if not key or not options.tenant:
        parser.error(f"--names wants --tenant and the masking key of those who mask (--key-file or {MASKING_KEY})")
    identify = identify_of(options, parser, key, host)
    try:
        real = listed_names(options.vms) if options.vms else [options.vm or host]
        names = Names(identify(None).tenant, options.tenant, {identify(name).vm: name for name in real})
        count = add_names(options.names, names)
    except (OSError, ValueError) as error:
        parser.error(f"--names: {error}")
    say(f"{options.names} holds the names of {count} VMs; it is for this tenant's administrator and nobody else")
    return 0


@dataclass(slots=True)
class _Spooling:
    """The way of files from the program to the drop."""

    state: Path
    installation: Installation
    spool: Spool
    deliverer: Deliverer

    @classmethod
    def begin(cls, state: Path, drop: Drop, parser: argparse.ArgumentParser, say: Callable[[str], None]) -> "_Spooling":
        """Find out whose state this is, and make files of what an earlier run could not end."""
        try:
            installation, changed = settle(state)
            if changed:
                say(changed)
            spool = Spool(state / "spool", installation)
            spool.recover()
        except OSError as error:
            parser.error(f"{state} can't be used: {error}; run as its owner or name another folder by --state")
        return cls(state, installation, spool, Deliverer(spool, drop, say))

    def written(self) -> None:
        """Deliver what was written. Raises OSError."""
        self.deliverer.written()
        if self.installation.early:
            self.installation = replace(self.installation, early=False)
            keep(self.state, self.installation)


@dataclass(slots=True)
class _Run:
    """An agent that runs."""

    program: Program
    source: Source
    spooling: _Spooling | None
    say: Callable[[str], None]
    once: bool

    def until(self, stop: threading.Event) -> int:
        """Tick until stopped, until the source ends, or with ``once`` until a file is written. See :meth:`_end`."""
        said = Said(self.say)
        ended_at = None
        now = int(time.time())
        for now in _ticks(stop, self.source.every):
            ended_at = (ended_at or now) if self.source.ended else None
            written = self.program.tick(now, last=self.source.ended)
            trouble = [self.program.trouble]
            if self.spooling:
                try:
                    if written:
                        self.spooling.written()
                except OSError as error:
                    trouble.append(f"{error}; tries again")
                trouble.append(self.spooling.deliverer.trouble)
            said.say("; ".join(filter(None, trouble)), now)
            if self.once and written:
                break
            if ended_at and (not self.program.unwritten or now - ended_at >= PATIENCE):
                break
        return self._end(now)

    def _end(self, now: int) -> int:
        """Write and deliver what there is, and say what is lost. Return 1 if data is lost, or had to be delivered."""
        if not self.spooling:
            return 0
        lost = bool(self.program.lost or self.spooling.deliverer.lost)
        saved = self.source.ended or (self.program.save(now) if self.once else self.program.close(now))
        if not saved and self.source.again:
            self.say(f"ends; {self.program.unwritten}, could not be saved: it is read again at the next start")
        elif self.program.unwritten and (not saved or self.source.ended):
            self.say(f"ends, and loses {self.program.unwritten}: {self.program.trouble}")
            lost = True
        left = self.spooling.deliverer.finish(PATIENCE)
        if left:
            why = self.spooling.deliverer.trouble or "there was no time"
            self.say(f"ends; {left} files wait in {self.spooling.spool.folder} for the next start: {why}")
        return 1 if lost or (left and (self.once or self.source.ended)) else 0


class Said:
    """The reported troubles. Each is reported once, and again after SAY_AGAIN if its numbers have changed."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Start with no reports."""
        self._say = say
        self._said: dict[str, tuple[str, int]] = {}

    def say(self, trouble: str, now: int) -> None:
        """Report the new parts of the trouble."""
        new = []
        for part in filter(None, trouble.split("; ")):
            words = re.sub(r"\d+", "", part)
            before, at = self._said.get(words, ("", -SAY_AGAIN))
            if not before or (part != before and now - at >= SAY_AGAIN):
                new.append(part)
                self._said[words] = (part, now)
        if new:
            self._say("; ".join(new))


def _ticks(stop: threading.Event, every: int) -> Iterator[int]:
    """Yield the time every ``every`` seconds of the clock. Setting the clock makes one step shorter, never long."""
    while not wait(stop, every - time.time() % every):
        yield int(time.time())


if __name__ == "__main__":
    sys.exit(main())
