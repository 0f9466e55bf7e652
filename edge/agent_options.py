"""The agent's options: what an administrator may give, and what of it makes no sense. Each error says what to do."""

import argparse
import os
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from domain.counters import REDUCTIONS, Reduction
from domain.errors import Unavailable
from domain.masking import mask_tenant, mask_vm
from domain.minutes import MINUTE, WINDOW
from domain.names import name_problem
from domain.samples import Dimensions
from edge.drops import ContainerDrop, Drop, FolderDrop
from edge.gathering import Identity
from edge.https import Server
from edge.inputs import FilesSource, MachineSource, Source, StreamSource
from edge.options import folder
from edge.program import Identify
from edge.telegraf import Folding
from edge.telegraf_json import strptime_of
from edge.texts import read_secret
from edge.vm_identity import VmIdentity

MASKING_KEY = "SPOT_MASKING_KEY"
LEAST_KEY = 16


def agent_parser() -> argparse.ArgumentParser:
    """Return the parser of the agent's flags."""
    parser = argparse.ArgumentParser(
        prog="spot-pc agent",
        description="Measure this machine, or take what Telegraf measured; deliver a file of samples every 15 minutes.",
        epilog="Without --config, --folder and --container, the options are those of agent.toml in the machine's "
        "settings.",
    )
    add = parser.add_argument
    add("--folder", type=folder, help="deliver to this local or shared folder, where the SPOC collects the files")
    add("--container", metavar="URL", help="instead: to this container of Azure Blob Storage, or a folder in it")
    add(
        "--sas-file", type=Path, help="with --container: a file with a SAS that may create blobs (or put it in the URL)"
    )
    add("--proxy", metavar="URL", help="with --container: http://[USER:PASSWORD@]HOST:PORT, or none")
    add("--ca-file", type=Path, help="with --container: certificates to trust besides the system's, a PEM file")
    add("--vm", help="this VM's name (default: the machine's, or Telegraf's)")
    for name in ("site", "pool", "region", "size"):
        add(f"--{name}", help=f"the VM's {name}, as it is to be shown")
    add("--service", action="append", default=[], help="a Windows service to watch; may be repeated")
    add("--reduce", action="append", default=[], metavar="COUNTER=RULE", help="avg, sum, min or max")
    add("--push-every", type=int, default=WINDOW, metavar="SECONDS", help="default: 900")
    add("--key-file", type=Path, help=f"mask names on this VM, with the key in this file (or in {MASKING_KEY})")
    add("--tenant", help="with a masking key: the tenant's name; it is masked, unless it is a masked one already")
    add("--from", dest="source", choices=("machine", "telegraf"), default="machine", help="what to read")
    add("--input", default="-", help="with --from telegraf: a file, a folder, or - for standard input")
    tag = "a tag that names the VM, before source and host; may be repeated"
    add("--host-tag", action="append", default=[], metavar="TAG", help=tag)
    add("--timestamp-format", metavar="LAYOUT", help="Telegraf's json_timestamp_format")
    add(
        "--state",
        type=folder,
        help="keep the agent's state and files to deliver below this folder (default: the machine's)",
    )
    add(
        "--log",
        type=folder,
        metavar="FILE",
        help="keep what is said in a file too, of 1 MB at most, and the one before",
    )
    add("--once", action="store_true", help="end after one period")
    add("--dry-run", action="store_true", help="print samples instead of writing files")
    names = "add this VM's masked and real name to a JSON file, for the page to show real names; end"
    add("--names", type=Path, metavar="FILE", help=names)
    add("--vms", type=Path, metavar="FILE", help="with --names: of the VMs in this text file instead, a name a line")
    return parser


def masking_of(options: argparse.Namespace, parser: argparse.ArgumentParser, say: Callable[[str], None]) -> bytes:
    """Return the masking key, or nothing if the agent is not to mask."""
    key = os.environ.get(MASKING_KEY, "").encode()
    if options.key_file:
        try:
            key = read_secret(options.key_file)
        except OSError as error:
            parser.error(f"the masking key can't be read: {error}")
        if not key:
            parser.error(f"the masking key is missing: {options.key_file} is empty")
    if key and len(key) < LEAST_KEY:
        say(
            f"the masking key has {len(key)} bytes, so that names can be found out by trying; give a secret of "
            f"{LEAST_KEY} bytes or more, the same on all of the tenant's VMs"
        )
    return key


def identify_of(options: argparse.Namespace, parser: argparse.ArgumentParser, key: bytes, here: str) -> Identify:
    """Return what names VMs: masked with a key, else as they are. ``here`` is this machine's name."""
    for name in ("tenant", "vm", "site", "pool", "region", "size"):
        value = getattr(options, name)
        if value is not None and (problem := name_problem(value)):
            parser.error(f"--{name} {problem}")
    if key and not options.tenant:
        parser.error("--tenant is missing: with a masking key, it is needed to mask names")
    if options.tenant and not key:
        parser.error(
            f"--tenant is only for masking names on this VM: give the masking key too (--key-file, {MASKING_KEY}); "
            "or leave --tenant out, and the SPOC masks the names"
        )
    dimensions = Dimensions(options.site, options.pool, options.region, options.size)
    tenant = mask_tenant(options.tenant, key) if key else ""
    spelled: dict[str, str] = {}

    def identify(host: str | None) -> Identity:
        name = (options.vm or host or here).strip()
        # Two spellings of a name are one VM, as masking has it too.
        vm = mask_vm(tenant, name, key) if key else spelled.setdefault(name.casefold(), name)
        return Identity(tenant, vm, dimensions)

    return identify


def drop_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Drop | None:
    """Return where files are delivered to. None in a dry run."""
    if options.dry_run:
        return None
    if bool(options.folder) == bool(options.container):
        parser.error("give either --folder or --container, where files are delivered to (or --dry-run)")
    if options.folder:
        return FolderDrop(options.folder)
    url, _, sas = options.container.partition("?")
    if sas and options.sas_file:
        parser.error("give the SAS either in --container or by --sas-file")
    if not (url.isascii() and url.isprintable()) or " " in url:
        parser.error("--container: write the URL as Azure shows it, with %20 for a blank")
    try:
        server = Server(url.rstrip("/"), "" if options.proxy == "none" else options.proxy, options.ca_file)
    except ValueError as error:
        parser.error(f"--container: {error}")

    def read_sas() -> str:
        try:
            return read_secret(options.sas_file).decode("ascii").removeprefix("?") if options.sas_file else sas
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(f"the SAS can't be read: {error}") from error

    return ContainerDrop(server, read_sas, None if sas or options.sas_file else VmIdentity().token)


def reductions_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, Reduction]:
    """Return the reductions that were given, by counter."""
    reductions: dict[str, Reduction] = {}
    for text in options.reduce:
        counter, _, rule = text.rpartition("=")
        found = next((each for each in REDUCTIONS if each == rule), None)
        if not counter or found is None:
            parser.error(f"--reduce {text}: write COUNTER=RULE, with a rule of {', '.join(REDUCTIONS)}")
        reductions[counter] = found
    return reductions


def check_period(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Check that periods fit into the windows of the cloud."""
    if options.push_every <= 0 or options.push_every % MINUTE or WINDOW % options.push_every:
        parser.error(f"--push-every is a number of whole minutes that divides {WINDOW} seconds")


def source_of(
    options: argparse.Namespace, parser: argparse.ArgumentParser, reductions: dict[str, Reduction], state: Path
) -> Source:
    """Return what is read. How far Telegraf's files were read is kept in the agent's state."""
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
    which = zlib.crc32(str(path.absolute()).encode())  # agents of several inputs may share the state
    return FilesSource(path, state / f"telegraf-{which:08x}.json", folding)
