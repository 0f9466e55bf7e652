"""The SPOC's options, and what they stand for: its source, its destination, its keys and its folders.

Knows every flag of ``spot-pc spoc``. Does not know what the SPOC does with them.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from domain.errors import Unavailable
from domain.masking import is_masked
from domain.signed import Signer
from edge.agent_files import Masking
from edge.app import AppDestination
from edge.blobs import BlobSource
from edge.containers import CHUNK, Container, SdkContainer
from edge.destinations import Destination, FolderDestination, ServiceBusDestination
from edge.http_container import HttpContainer
from edge.https import Server
from edge.machine import machine_folders
from edge.options import folder, read_options
from edge.signing import readable_by_others, signer_of
from edge.sources import WORK, FolderSource, Source
from edge.texts import read_secret, read_text
from edge.vm_identity import VmIdentity

CONNECTION = "SPOT_SERVICE_BUS_CONNECTION"
STORAGE_CONNECTION = "SPOT_STORAGE_CONNECTION"
SETTINGS = "spoc.toml"
SDK = "Azure's SDK, which packages do not hold: pip install -r requirements/edge.txt (docs/edge.md)"


@dataclass(frozen=True, slots=True)
class Setup:
    """What the options stand for. ``tenant`` is the masked name; empty: not given."""

    source: Source
    destination: Destination
    signer: Signer | None
    masking: Masking | None
    tenant: str
    tenant_name: str
    """The tenant's real name, where it was given."""
    names: Path | None
    state: Path
    drop: str
    """Where the files are, in words."""
    sas: Callable[[], str]
    """Returns the SAS of the container, if there is one. Raises Unavailable."""


def parser_of_spoc() -> argparse.ArgumentParser:
    """Return the parser of the SPOC's flags."""
    parser = argparse.ArgumentParser(
        prog="spot-pc spoc",
        description="Send the files of a tenant's agents to the app or its queue.",
        epilog=f"Connection strings come from the environment: {CONNECTION}, {STORAGE_CONNECTION}. Without them, the "
        "identity of this machine or user is used (managed identity, Azure CLI, ...). Without --config, --folder and "
        f"--container, the options are those of {SETTINGS} in the machine's settings, which 'spot-pc join' writes.",
    )
    add_drop_options(parser)
    parser.add_argument("--state", type=folder, help="a folder to work in (default: in --folder, or spoc-state)")
    parser.add_argument("--namespace", help="the Service Bus namespace, such as name.servicebus.windows.net")
    parser.add_argument("--queue", default="samples", help="the queue's name (default: samples)")
    parser.add_argument("--queue-folder", type=folder, help="instead: the local host's DATA/queue")
    parser.add_argument("--app", metavar="URL", help="send to the provider's app by HTTPS")
    add_way_options(parser)
    parser.add_argument("--tenant", help="the tenant's masked name: samples of any other are set aside")
    parser.add_argument(
        "--key-file",
        type=Path,
        help="sign messages with the private key in this file; where it is not there, a new key is made",
    )
    parser.add_argument("--masking-key-file", type=Path, help="mask plain names with the key in this file")
    parser.add_argument(
        "--names", type=Path, metavar="FILE", help="write each new VM's real name to this file, for the administrator"
    )
    parser.add_argument(
        "--public-key", action="store_true", help="print the public key of --key-file, for the operator to enrol; end"
    )
    parser.add_argument("--archive", type=folder, help="keep sent files here (blobs: below archive/)")
    parser.add_argument("--plain", action="store_true", help="send plain JSON instead of gzip")
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS", help="from push to push (default: 60)")
    parser.add_argument("--once", action="store_true", help="send what is there, then end; 1 if that failed")
    parser.add_argument("--check", action="store_true", help="connect, tell what is found, send no samples")
    return parser


def add_drop_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the agents' files are."""
    parser.add_argument("--folder", type=folder, help="where the agents' files are: a local or shared folder")
    parser.add_argument(
        "--container",
        help="instead: a blob container, by its URL, with or without a SAS (by its name, with a connection string)",
    )
    parser.add_argument("--sas-file", type=Path, help="with --container: a file with the SAS for it")
    parser.add_argument("--prefix", default="", help="with --container: what the blobs' names begin with")


def add_way_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how the app is reached."""
    parser.add_argument(
        "--proxy", metavar="URL", help="the way out: http://[USER:PASSWORD@]HOST:PORT, or none (default: the system's)"
    )
    parser.add_argument("--ca-file", type=Path, help="a PEM file with one more certificate authority to trust")


def read_spoc_options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags; those of the machine's own settings, if neither a configuration nor a drop is named."""
    return read_options(parser, arguments, machine_folders().settings / SETTINGS, ("folder", "container"))


def server_of(url: str, options: argparse.Namespace) -> Server:
    """Return a server and the way to it. Raises ValueError."""
    return Server(url, "" if options.proxy == "none" else options.proxy, options.ca_file)


def sas_of(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Callable[[], str]:
    """Return what reads the container's SAS: empty if it has none. A new one in ``--sas-file`` counts at once."""
    url, _, given = (options.container or "").partition("?")
    if options.sas_file and (given or not url):
        fail("--sas-file wants --container, with the URL without a SAS")

    def read() -> str:
        try:
            return read_text(options.sas_file).strip().rpartition("?")[2] if options.sas_file else given
        except (OSError, ValueError) as error:
            raise Unavailable(f"--sas-file can't be read: {error}") from error

    return read


def source_of(options: argparse.Namespace, state: Path, fail: Callable[[str], NoReturn]) -> Source:
    """Return where the files are."""
    if bool(options.folder) == bool(options.container):
        fail("give either --folder or --container")
    if options.folder:
        return FolderSource(options.folder, options.archive)
    try:
        container = _container(options, fail)
    except ValueError as error:
        fail(f"--container: {error}")
    return BlobSource(container, state, options.prefix, archive=options.archive is not None)


def _container(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Container:
    """Return the container. With a SAS it needs no Azure SDK; without the SDK, this VM's identity is used."""
    url = options.container.partition("?")[0].rstrip("/")
    sas = sas_of(options, fail)
    given = options.sas_file or "sig=" in options.container
    connection = os.environ.get(STORAGE_CONNECTION)
    if given or not (connection or _installed("azure.identity")):
        return HttpContainer(server_of(url, options), sas, None if given else VmIdentity().token)
    if not _installed("azure.storage.blob"):
        fail(f"{STORAGE_CONNECTION} wants {SDK}; or give a SAS (--sas-file)")
    from azure.storage.blob import ContainerClient  # noqa: PLC0415  (loaded when needed)

    how: dict[str, Any] = {"max_single_get_size": CHUNK}
    if connection:
        return SdkContainer(ContainerClient.from_connection_string(connection, url, **how))
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    return SdkContainer(ContainerClient.from_container_url(url, DefaultAzureCredential(), **how))


def setup_of(options: argparse.Namespace, signer: Signer | None, fail: Callable[[str], NoReturn]) -> Setup:
    """Return what the options stand for. ``fail`` ends the program with a reason."""
    state = options.state or (options.folder / WORK if options.folder else Path("spoc-state"))
    source = source_of(options, state, fail)
    masking = _masking(options, fail)
    given = options.tenant or ""
    return Setup(
        source=source,
        destination=_destination(options, signer, fail),
        signer=signer,
        masking=masking,
        tenant=masking.tenant if masking else given,
        tenant_name="" if is_masked(given) else given,
        names=options.names,
        state=state,
        drop=str(options.folder or options.container.partition("?")[0]),
        sas=sas_of(options, fail),
    )


def _destination(options: argparse.Namespace, signer: Signer | None, fail: Callable[[str], NoReturn]) -> Destination:
    connection = os.environ.get(CONNECTION)
    if sum(map(bool, (options.app, options.namespace, connection, options.queue_folder))) != 1:
        fail(f"give one of --app, --namespace, --queue-folder and the environment variable {CONNECTION}")
    if options.app:
        if signer is None:
            fail("--app wants --key-file: the app takes signed messages only ('spot-pc join' makes the key)")
        try:
            return AppDestination(server_of(options.app, options), signer)
        except ValueError as error:
            fail(f"--app: {error}")
    if options.queue_folder:
        return FolderDestination(options.queue_folder)
    if not _installed("azure.servicebus"):
        fail(f"--namespace and {CONNECTION} want {SDK}; or send to the app (--app)")
    return ServiceBusDestination(options.queue, options.namespace, connection)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _masking(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Masking | None:
    if not options.masking_key_file:
        if options.names:
            fail("--names wants --masking-key-file: the SPOC knows only names that it masks itself")
        return None
    if not options.tenant:
        fail("--masking-key-file wants --tenant: plain files don't name their tenant")
    try:
        return Masking.of(options.tenant, read_secret(options.masking_key_file))
    except (OSError, ValueError) as error:
        fail(f"--masking-key-file: {error}")


def signer_from(
    options: argparse.Namespace, fail: Callable[[str], NoReturn], say: Callable[[str], None]
) -> Signer | None:
    """Return the signer, and tell the administrator the important facts about its key."""
    if not options.key_file:
        if options.public_key:
            fail("--public-key wants --key-file, which says where the key is, or is to be made")
        return None
    try:
        signer, made = signer_of(options.key_file)
        if made:
            say(f"made the key {options.key_file}; its public half is for the operator to enrol (--public-key)")
        elif readable_by_others(options.key_file):
            say(f"others than its owner may read the key {options.key_file}; take that from them (chmod 600)")
    except (OSError, ValueError) as error:
        fail(f"--key-file: {error}")
    return signer
