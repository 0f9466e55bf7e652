"""``python -m edge.agent``: measures this machine or reads Telegraf's data. Writes a file of samples per period.

Combines options, an input (edge.inputs) and the program that makes files of it (edge.program), by the clock. The
messages to administrators are in this file.
"""

import argparse
import os
import platform
import re
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from domain.counters import REDUCTIONS, Reduction
from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW
from domain.names import name_problem
from domain.samples import Dimensions
from edge.gathering import Identity
from edge.inputs import FilesSource, MachineSource, Source, StreamSource
from edge.naming import Names, add_names, listed_names
from edge.options import folder, read_options
from edge.program import Identify, Program
from edge.stopping import stop_event, wait
from edge.telegraf import Folding
from edge.telegraf_json import strptime_of

MASKING_KEY = "SPOT_MASKING_KEY"
LEAST_KEY = 16

PATIENCE = 10
"""For how many seconds the agent tries to write the data of an ended stream. Then the data is lost, and it says so."""

SAY_AGAIN = 900
"""Seconds after which the agent reports the same trouble again, if its numbers have changed."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge.agent",
        description="Measure this machine, or take what Telegraf measured; write a file of samples every 15 minutes.",
        epilog=f"The masking key comes from the environment variable {MASKING_KEY} or from --key-file.",
    )
    parser.add_argument("--tenant", help="the tenant's name; it is masked, unless it is a masked one already")
    parser.add_argument("--vm", help="this VM's name, masked too (default: the machine's, or Telegraf's)")
    parser.add_argument("--folder", type=folder, help="where the SPOC looks for files")
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
    parser.add_argument(
        "--host-tag",
        action="append",
        default=[],
        metavar="TAG",
        help="a tag that names the VM, before source and host; may be repeated",
    )
    parser.add_argument("--timestamp-format", metavar="LAYOUT", help="Telegraf's json_timestamp_format")
    parser.add_argument("--once", action="store_true", help="end after one period")
    parser.add_argument("--dry-run", action="store_true", help="print samples instead of writing files")
    parser.add_argument(
        "--names",
        type=Path,
        metavar="FILE",
        help="add this VM's masked and real name to a JSON file, for the page to show real names; end",
    )
    parser.add_argument(
        "--vms", type=Path, metavar="FILE", help="with --names: of these VMs instead, a text file with a name a line"
    )
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


def _source(options: argparse.Namespace, parser: argparse.ArgumentParser, reductions: dict[str, Reduction]) -> Source:
    if options.source == "machine":
        return MachineSource(options.service)
    try:
        layout = strptime_of(options.timestamp_format) if options.timestamp_format else None
    except ValueError as error:
        parser.error(f"--timestamp-format {error}")
    folding = Folding(options.host_tag, reductions, layout)
    if options.input == "-":
        try:
            # Read bytes without a buffer: a thread could still hold a buffer when the program ends.
            return StreamSource(open(sys.stdin.fileno(), "rb", buffering=0, closefd=False), folding)
        except (OSError, AttributeError) as error:
            parser.error(f"--input -: there is no standard input: {error}")
    path = folder(options.input)
    # Agents of other VMs may share the folder.
    who = zlib.crc32(f"{platform.node()} {path.absolute()}".encode())
    return FilesSource(path, (options.folder or Path()) / f".telegraf-{who:08x}.json", folding)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted, or for one period."""
    parser = _parser()
    options = read_options(parser, arguments)
    if options.names:
        return _write_names(options, parser)
    if options.vms:
        parser.error("--vms wants --names, which says where to write them")
    if not options.folder and not options.dry_run:
        parser.error("--folder is missing (or --dry-run)")
    if options.push_every <= 0 or options.push_every % MINUTE or WINDOW % options.push_every:
        parser.error(f"--push-every is a number of whole minutes that divides {WINDOW} seconds")
    identify = _identify(options, parser)
    reductions = _reductions(options, parser)
    source = _source(options, parser, reductions)
    program = Program(
        source,
        options.folder or Path(),
        identify,
        options.push_every,
        reductions,
        dry_run=options.dry_run,
    )
    stop = stop_event()
    _say(f"reads {options.source}; writes to {options.folder if not options.dry_run else 'standard output'}")
    return _run(program, source, stop, once=options.once)


def _write_names(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Add the names of this VM, or of a list of VMs, to a file."""
    if options.vms and options.vm:
        parser.error("give either --vm or --vms")
    identify = _identify(options, parser)
    try:
        real = listed_names(options.vms) if options.vms else [options.vm or platform.node() or "localhost"]
        names = Names(identify(None).tenant, options.tenant, {identify(name).vm: name for name in real})
        count = add_names(options.names, names)
    except (OSError, ValueError) as error:
        parser.error(f"--names: {error}")
    _say(f"{options.names} holds the names of {count} VMs; it is for this tenant's administrator and nobody else")
    return 0


def _run(program: Program, source: Source, stop: threading.Event, *, once: bool) -> int:
    """Tick until stopped, until the source ends, or with ``once`` until a file is written. Return 1 if data is lost."""
    said = Said()
    ended_at = None
    now = int(time.time())
    for now in _ticks(stop, source.every):
        ended_at = (ended_at or now) if source.ended else None
        written = program.tick(now, last=source.ended)
        if not program.dry_run:
            for path in written:
                _say(f"wrote {path.name}")
        said.say(program.trouble, now)
        if once and written:
            return 0
        if ended_at and (not program.unwritten or now - ended_at >= PATIENCE):
            break
    return _end(program, source, now)


def _end(program: Program, source: Source, now: int) -> int:
    """Save the remaining data, and say what is lost."""
    if not program.unwritten or program.dry_run or (program.save(now) and not source.ended):
        return 1 if program.lost else 0
    if source.again:
        _say(f"ends; {program.unwritten}, could not be saved: it is read again at the next start")
        return 0
    _say(f"ends, and loses {program.unwritten}: {program.trouble}")
    return 1


class Said:
    """The reported troubles. Each is reported once, and again after SAY_AGAIN if its numbers have changed."""

    def __init__(self) -> None:
        """Start with no reports."""
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
            _say("; ".join(new))


def _ticks(stop: threading.Event, every: int) -> Iterator[int]:
    """Yield the time every ``every`` seconds of the clock. Setting the clock makes one step shorter, never long."""
    while not wait(stop, every - time.time() % every):
        yield int(time.time())


def _say(text: str) -> None:
    print(f"agent: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
