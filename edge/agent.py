"""``python -m edge.agent``: measures this machine, or takes what Telegraf measured; writes a file of samples a period.

Puts together inputs (edge.inputs), what gathers (edge.gathering) and files (edge.files), by the clock. What an
administrator sees is said here.
"""

import argparse
import os
import platform
import signal
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from domain.counters import REDUCTIONS, Reduction
from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW
from domain.names import name_problem
from domain.samples import Dimensions, Sample
from edge.files import path_of, save_part, saved_parts, write_file
from edge.gathering import Agent, Identity
from edge.inputs import FilesSource, MachineSource, Source, StreamSource
from edge.options import read_options

LATE_SECONDS = 15
"""How long after a period's end its file is written: what is read late in its last minute still counts."""

MASKING_KEY = "SPOT_MASKING_KEY"
LEAST_KEY = 16


class Program:
    """An agent for each VM that the source tells of (one, but for Telegraf's of several hosts), and their files."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        identify: "Identify",
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
        self._reductions = reductions or {}
        self.dry_run = dry_run
        self._agents: dict[str | None, Agent] = {}
        self._saved = 0
        self._shown: dict[str, int] = {}

    def _agent(self, host: str | None) -> Agent:
        if host not in self._agents:
            agent = Agent(self._identify(host), self._period, self._reductions)
            if not self.dry_run:
                for samples in saved_parts(self._folder, agent.identity):
                    agent.restore(samples)
            self._agents[host] = agent
        return self._agents[host]

    def tick(self, now: int, *, last: bool = False) -> list[Path]:
        """Read, and write what is due; return its files. ``last``: write all that there is. Raises OSError."""
        written: list[Path] = []
        for piece in self._source.read():
            for moment in piece:
                self._agent(moment.host).add(moment.timestamp, moment.values)
            written += self._write(now, last=last)
        if now - now % MINUTE != self._saved and not last:
            self._save(now)
            self._saved = now - now % MINUTE
        return written

    def _write(self, now: int, *, last: bool) -> list[Path]:
        """Write the periods that are over, each VM a little later than others so that not all write at once."""
        written = []
        for agent in self._agents.values():
            spread = zlib.crc32(agent.identity.vm.encode()) % max(1, self._period // 15)
            for period in agent.open() if last else agent.changed(now - LATE_SECONDS - spread):
                samples = agent.samples(period, period + self._period)
                if self.dry_run:
                    self._show(samples)
                else:
                    write_file(self._folder, agent.identity, period, samples)
                agent.written(period)
                written.append(path_of(self._folder, agent.identity, period))
        return written

    def _save(self, now: int) -> None:
        """Keep the minutes that are over of periods that are not, and how far was read."""
        for agent in self._agents.values():
            for period in agent.open():
                samples = agent.samples(period, now)
                if self.dry_run:
                    self._show(samples)
                elif samples:
                    save_part(self._folder, agent.identity, period, samples)
        if not self.dry_run:
            self._source.save()

    def _show(self, samples: Sequence[Sample]) -> None:
        """Print samples that were not printed yet, each as a line of JSON."""
        for sample in samples:
            if sample.timestamp > self._shown.get(sample.MaskedVMName, 0):
                print(msgspec.json.encode(sample).decode(), flush=True)
        self._shown.update({sample.MaskedVMName: sample.timestamp for sample in samples})


class Identify(Protocol):
    """Gives the masked identity of a host; None: this machine."""

    def __call__(self, host: str | None) -> Identity:
        """See Identify."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge.agent",
        description="Measure this machine, or take what Telegraf measured; write a file of samples every 15 minutes.",
        epilog=f"The masking key comes from the environment variable {MASKING_KEY} or from --key-file.",
    )
    parser.add_argument("--tenant", help="the tenant's name; it is masked, unless it is a masked one already")
    parser.add_argument("--vm", help="this VM's name, masked too (default: the machine's, or Telegraf's host tag)")
    parser.add_argument("--folder", type=Path, help="where the SPOC looks for files")
    parser.add_argument("--key-file", type=Path, help="a file that holds the masking key")
    for name in ("site", "pool", "region", "size"):
        parser.add_argument(f"--{name}", help=f"the VM's {name}, as it is to be shown")
    parser.add_argument("--service", action="append", default=[], help="a Windows service to watch; may be repeated")
    parser.add_argument("--reduce", action="append", default=[], metavar="COUNTER=RULE", help="avg, sum, min or max")
    parser.add_argument("--push-every", type=int, default=WINDOW, metavar="SECONDS", help="default: 900")
    parser.add_argument(
        "--from", dest="source", choices=("machine", "telegraf"), default="machine", help="what to read"
    )
    parser.add_argument("--input", default="-", help="with --from telegraf: a file, a folder, or - for standard input")
    parser.add_argument("--once", action="store_true", help="end after one period")
    parser.add_argument("--dry-run", action="store_true", help="print samples instead of writing files")
    return parser


def _key(options: argparse.Namespace, parser: argparse.ArgumentParser) -> bytes:
    key = os.environ.get(MASKING_KEY, "").encode()
    if options.key_file:
        try:
            key = options.key_file.read_bytes().strip()
        except OSError as error:
            parser.error(f"the masking key can't be read: {error}")
    advice = (
        f"set {MASKING_KEY} or --key-file to a secret of {LEAST_KEY} bytes or more, the same on all of the tenant's VMs"
    )
    if not key:
        parser.error(f"the masking key is missing; {advice}")
    if len(key) < LEAST_KEY:
        _say(f"the masking key has {len(key)} bytes, so that names can be found out by trying; {advice}")
    return key


def _identify(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Identify:
    key = _key(options, parser)
    dimensions = Dimensions(options.site, options.pool, options.region, options.size)
    for name in ("tenant", "site", "pool", "region", "size"):
        value = getattr(options, name)
        if value is not None and (problem := name_problem(value)):
            parser.error(f"--{name} {problem}")
    if not options.tenant:
        parser.error("--tenant is missing")
    tenant = mask_tenant(options.tenant, key)

    def identify(host: str | None) -> Identity:
        return Identity(tenant, mask_vm(tenant, options.vm or host or platform.node() or "localhost", key), dimensions)

    return identify


def _reductions(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Reduction]:
    reductions: dict[str, Reduction] = {}
    for text in options.reduce:
        counter, _, rule = text.rpartition("=")
        found = next((each for each in REDUCTIONS if each == rule), None)
        if not counter or found is None:
            parser.error(f"--reduce {text}: write COUNTER=RULE, with a rule of {', '.join(REDUCTIONS)}")
        reductions[counter] = found
    return reductions


def _source(options: argparse.Namespace) -> Source:
    if options.source == "machine":
        return MachineSource(options.service)
    if options.input == "-":
        return StreamSource(sys.stdin)
    return FilesSource(Path(options.input), (options.folder or Path()) / ".telegraf.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted, or for one period."""
    parser = _parser()
    options = read_options(parser, arguments)
    if not options.folder and not options.dry_run:
        parser.error("--folder is missing (or --dry-run)")
    if options.push_every <= 0 or options.push_every % MINUTE or WINDOW % options.push_every:
        parser.error(f"--push-every is a number of whole minutes that divides {WINDOW} seconds")
    identify = _identify(options, parser)
    source = _source(options)
    program = Program(
        source,
        options.folder or Path(),
        identify,
        options.push_every,
        _reductions(options, parser),
        dry_run=options.dry_run,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _say(f"reads {options.source}; writes to {options.folder if not options.dry_run else 'standard output'}")
    _run(program, source, stop, once=options.once)
    return 0


def _run(program: Program, source: Source, stop: threading.Event, *, once: bool) -> None:
    """Tick until told to stop, or the source ends, or, with ``once``, a file is written."""
    said = ""
    for now in _ticks(stop, source.every):
        ended = source.ended
        try:
            for path in program.tick(now, last=ended):
                if not program.dry_run:
                    _say(f"wrote {path.name}")
                if once:
                    return
            trouble = source.trouble
        except OSError as error:
            trouble = f"{error}; tries again"
        if trouble and trouble != said:
            _say(trouble)
        said = trouble
        if ended:
            return


def _ticks(stop: threading.Event, every: int) -> Iterator[int]:
    """Yield the time every so many seconds of the clock; one that is set makes one step shorter, never long."""
    while not stop.wait(every - time.time() % every):
        yield int(time.time())


def _say(text: str) -> None:
    print(f"agent: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
