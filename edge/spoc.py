"""``python -m edge.spoc``: a tenant's only way to the queue. Collects the agents' files, packs, signs and sends them.

Combines a source (edge.sources), a destination (edge.destinations) and the signing key (edge.signing), and pushes
(edge.pushing) again and again. The messages to administrators are in this file.
"""

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.enrolment import key_id, text_of
from domain.errors import Unavailable
from domain.signed import Signer
from edge.destinations import Destination, FolderDestination, ServiceBusDestination
from edge.options import folder, read_options
from edge.pushing import Push, Pushed
from edge.signing import readable_by_others, signer_of
from edge.sources import BlobSource, FolderSource, Source
from edge.stopping import stop_event, wait

CONNECTION = "SPOT_SERVICE_BUS_CONNECTION"
STORAGE_CONNECTION = "SPOT_STORAGE_CONNECTION"
LONGEST_PAUSE = 300.0
PROGRESS_EVERY = 5.0


@dataclass(slots=True)
class Pauses:
    """The pauses after failures: longer each time, up to LONGEST_PAUSE. Random, so that SPOCs don't retry together."""

    failures: int = 0
    since: float = 0.0

    def after_failure(self, now: float) -> float:
        """Return the seconds to wait after one more failure."""
        if not self.failures:
            self.since = now
        self.failures += 1
        return min(LONGEST_PAUSE, 2.0 ** min(self.failures - 1, 20)) * random.uniform(0.8, 1.2)  # noqa: S311


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge.spoc",
        description="Send the files of a tenant's agents to the queue.",
        epilog=f"Connection strings come from the environment: {CONNECTION}, {STORAGE_CONNECTION}. Without them, the "
        "identity of this machine or user is used (managed identity, Azure CLI, ...).",
    )
    parser.add_argument("--folder", type=folder, help="where the agents write their files: a local or shared folder")
    parser.add_argument(
        "--container", help="instead: a blob container, by its URL (by its name, with a connection string)"
    )
    parser.add_argument("--prefix", default="", help="with --container: what the blobs' names begin with")
    parser.add_argument(
        "--state", type=folder, default=Path("spoc-state"), help="with --container: a folder to work in"
    )
    parser.add_argument("--namespace", help="the Service Bus namespace, such as name.servicebus.windows.net")
    parser.add_argument("--queue", default="samples", help="the queue's name (default: samples)")
    parser.add_argument("--queue-folder", type=folder, help="instead: the local host's DATA/queue")
    parser.add_argument("--tenant", help="the tenant's masked name: samples of any other are set aside")
    parser.add_argument(
        "--key-file",
        type=Path,
        help="sign messages with the private key in this file; where it is not there, a new key is made",
    )
    parser.add_argument(
        "--public-key", action="store_true", help="print the public key of --key-file, for the operator to enrol; end"
    )
    parser.add_argument("--archive", type=folder, help="keep sent files here (blobs: below archive/)")
    parser.add_argument("--plain", action="store_true", help="send plain JSON instead of gzip")
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS", help="from push to push (default: 60)")
    parser.add_argument("--once", action="store_true", help="send what is there, then end; 1 if that failed")
    parser.add_argument("--check", action="store_true", help="connect, tell what is found, send nothing")
    return parser


def _source(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Source:
    if bool(options.folder) == bool(options.container):
        parser.error("give either --folder or --container")
    if options.folder:
        return FolderSource(options.folder, options.archive)
    from azure.storage.blob import ContainerClient  # noqa: PLC0415  (loaded when needed)

    connection = os.environ.get(STORAGE_CONNECTION)
    if connection:
        container = ContainerClient.from_connection_string(connection, options.container)
    else:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415

        container = ContainerClient.from_container_url(options.container, DefaultAzureCredential())
    return BlobSource(container, options.state, options.prefix, archive=options.archive is not None)


def _destination(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Destination:
    connection = os.environ.get(CONNECTION)
    if sum(map(bool, (options.namespace, connection, options.queue_folder))) != 1:
        parser.error(f"give one of --namespace, --queue-folder and the environment variable {CONNECTION}")
    if options.queue_folder:
        return FolderDestination(options.queue_folder)
    return ServiceBusDestination(options.queue, options.namespace, connection)


def _signer(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Signer | None:
    """Return the signer, and tell the administrator the important facts about its key."""
    if not options.key_file:
        if options.public_key:
            parser.error("--public-key wants --key-file, which says where the key is, or is to be made")
        return None
    try:
        signer, made = signer_of(options.key_file)
        if made:
            _say(f"made the key {options.key_file}; its public half is for the operator to enrol (--public-key)")
        elif readable_by_others(options.key_file):
            _say(f"others than its owner may read the key {options.key_file}; take that from them (chmod 600)")
    except (OSError, ValueError) as error:
        parser.error(f"--key-file: {error}")
    return signer


def main(arguments: Sequence[str] | None = None) -> int:
    """Push again and again until interrupted, or once."""
    parser = _parser()
    options = read_options(parser, arguments)
    signer = _signer(options, parser)
    if signer and options.public_key:
        print(f"publicKey {text_of(signer.public)}\nkey id    {key_id(signer.public).hex()}")
        return 0
    source, destination = _source(options, parser), _destination(options, parser)
    if options.check:
        return _check(source, destination, signer)
    if signer is None:
        _say("messages are not signed (--key-file): they are refused as soon as the tenant is enrolled")
    stop = stop_event()
    pauses = Pauses()
    while not stop.is_set():
        one = Push(source, destination, gzip=not options.plain, tenant=options.tenant, signer=signer)
        try:
            run(one, source)
            if pauses.failures:
                _say(f"works again, after {pauses.failures} tries in {time.time() - pauses.since:.0f} s")
            pauses = Pauses()
            pause = options.every
        except Unavailable as error:
            if not pauses.failures:
                _say(f"{error}; nothing is lost, it is tried again with growing pauses")
            pause = pauses.after_failure(time.time())
        _report(one.done, pauses, source)
        if options.once:
            return 1 if pauses.failures else 0
        wait(stop, pause)
    return 0


def run(one: Push, source: Source) -> None:
    """Push. If there is much to push, report the progress now and then."""
    said = time.monotonic()
    for done in one.run():
        if time.monotonic() - said >= PROGRESS_EVERY:
            said = time.monotonic()
            _say(f"sent {done.files:,} files, {source.waiting().files:,} to go")


def _report(done: Pushed, pauses: Pauses, source: Source) -> None:
    """Report a push in one line, and print it and the waiting files as a line of JSON. Skip pushes that did nothing."""
    try:
        waiting = source.waiting()
    except Unavailable:
        waiting = None
    if done.files:
        _say(
            f"pushed {done.files:,} files with {done.samples:,} samples in {done.messages:,} messages "
            f"({done.bytes:,} bytes)" + (f"; {done.refused:,} files lie in refused/" if done.refused else "")
        )
    if done.files or pauses.failures:
        metrics = {
            "time": round(time.time()),
            **asdict(done),
            "retries": pauses.failures,
            "waitingFiles": waiting and waiting.files,
            "oldestFileSeconds": waiting and waiting.oldest_seconds,
        }
        print(json.dumps(metrics), flush=True)


def _check(source: Source, destination: Destination, signer: Signer | None) -> int:
    """Print the findings. Return 0 if a push would succeed."""
    signs = f"signs with the key {key_id(signer.public).hex()}" if signer else "messages are not signed (--key-file)"
    print(f"signature: {signs}")

    def look_at_source() -> list[str]:
        return [f"{source.waiting().files:,} files wait"]

    found = True
    for name, look in (("source", look_at_source), ("queue", destination.check)):
        try:
            lines = look()
        except Unavailable as error:
            lines, found = [str(error)], False
        print("\n".join(f"{name}: {line}" for line in lines))
    return 0 if found else 1


def _say(text: str) -> None:
    print(f"spoc: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
