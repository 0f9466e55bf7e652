"""The SPOC's options, and what they stand for: its source, its destination, its keys and its folders.

Knows every flag of ``python -m edge.spoc``. Does not know what the SPOC does with them.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from domain.masking import is_masked
from domain.signed import Signer
from edge.agent_files import Masking
from edge.app import AppDestination
from edge.blobs import CHUNK, BlobSource
from edge.destinations import Destination, FolderDestination, ServiceBusDestination
from edge.https import Server
from edge.machine import machine_folders
from edge.options import folder, read_options
from edge.signing import readable_by_others, signer_of
from edge.sources import WORK, FolderSource, Source
from edge.texts import read_secret, read_text

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CONNECTION = "SPOT_SERVICE_BUS_CONNECTION"
STORAGE_CONNECTION = "SPOT_STORAGE_CONNECTION"
SETTINGS = "spoc.toml"


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
    container: str
    """The container's URL with its SAS; empty: files are in a folder, or no SAS is used."""


def parser_of_spoc() -> argparse.ArgumentParser:
    """Return the parser of the SPOC's flags."""
    parser = argparse.ArgumentParser(
        prog="python -m edge.spoc",
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
    parser.add_argument("--proxy", metavar="URL", help="the way to --app: http://[USER:PASSWORD@]HOST:PORT, or none")
    parser.add_argument("--ca-file", type=Path, help="a PEM file with one more certificate authority to trust")


def read_spoc_options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags; those of the machine's own settings, if neither a configuration nor a drop is named."""
    return read_options(parser, arguments, machine_folders().settings / SETTINGS, ("folder", "container"))


def server_of(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> Server:
    """Return the app's server and the way to it."""
    try:
        return Server(options.app, "" if options.proxy == "none" else options.proxy, options.ca_file)
    except ValueError as error:
        fail(f"--app, --proxy: {error}")


def container_url(options: argparse.Namespace, fail: Callable[[str], NoReturn]) -> str:
    """Return the container's URL, with the SAS of ``--sas-file`` if there is one. Empty: there is no container."""
    if not options.sas_file:
        return str(options.container or "")
    try:
        sas = read_text(options.sas_file).strip()
    except (OSError, ValueError) as error:
        fail(f"--sas-file can't be read: {error}")
    if "sig=" not in sas or not options.container or "?" in options.container:
        fail("--sas-file wants a file with a SAS (?sv=...&sig=...), and --container with the URL without one")
    return f"{options.container}?{sas.rpartition('?')[2]}"


def source_of(options: argparse.Namespace, state: Path, fail: Callable[[str], NoReturn]) -> Source:
    """Return where the files are."""
    if bool(options.folder) == bool(options.container):
        fail("give either --folder or --container")
    if options.folder:
        return FolderSource(options.folder, options.archive)
    try:
        client = _container(container_url(options, fail), options)
    except ValueError as error:
        fail(f"--container: {error}")
    return BlobSource(client, state, options.prefix, archive=options.archive is not None)


def _container(url: str, options: argparse.Namespace) -> "ContainerClient":
    from azure.storage.blob import ContainerClient  # noqa: PLC0415  (loaded when needed)

    how: dict[str, Any] = {"max_single_get_size": CHUNK}
    if options.ca_file:
        how["connection_verify"] = str(options.ca_file)
    if options.proxy:
        how["proxies"] = {"https": "" if options.proxy == "none" else options.proxy}
    if connection := os.environ.get(STORAGE_CONNECTION):
        return ContainerClient.from_connection_string(connection, url, **how)
    if "sig=" in url:
        return ContainerClient.from_container_url(url, **how)
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    return ContainerClient.from_container_url(url, DefaultAzureCredential(), **how)


def setup_of(options: argparse.Namespace, signer: Signer | None, fail: Callable[[str], NoReturn]) -> Setup:
    """Return what the options stand for. ``fail`` ends the program with a reason."""
    state = options.state or (options.folder / WORK if options.folder else Path("spoc-state"))
    source = source_of(options, state, fail)
    masking = _masking(options, fail)
    given = options.tenant or ""
    url = "" if options.folder else container_url(options, fail)
    return Setup(
        source=source,
        destination=_destination(options, signer, fail),
        signer=signer,
        masking=masking,
        tenant=masking.tenant if masking else given,
        tenant_name="" if is_masked(given) else given,
        names=options.names,
        state=state,
        drop=str(options.folder or url.partition("?")[0]),
        container=url if "sig=" in url else "",
    )


def _destination(options: argparse.Namespace, signer: Signer | None, fail: Callable[[str], NoReturn]) -> Destination:
    connection = os.environ.get(CONNECTION)
    if sum(map(bool, (options.app, options.namespace, connection, options.queue_folder))) != 1:
        fail(f"give one of --app, --namespace, --queue-folder and the environment variable {CONNECTION}")
    if options.app:
        if signer is None:
            fail("--app wants --key-file: the app takes signed messages only ('spot-pc join' makes the key)")
        return AppDestination(server_of(options, fail), signer)
    if options.queue_folder:
        return FolderDestination(options.queue_folder)
    return ServiceBusDestination(options.queue, options.namespace, connection)


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
