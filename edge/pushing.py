"""A push: packs and signs the samples that wait in a source, and sends them to a destination.

A file is removed only after the queue has acknowledged every message with a part of it. After a crash before that, the
same messages are sent again with the same ids. Knows no options, no clock and no output.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace

from domain.errors import BadMessage
from domain.heartbeat import Heartbeat
from domain.packing import Packed, heartbeat_message, pack
from domain.samples import Sample
from domain.signed import HEAD_BYTES, Signer
from edge.agent_files import Content, Masking, content_of
from edge.destinations import Destination, Link
from edge.fleet import Fleet
from edge.sources import Source

MOST_REASONS = 20


@dataclass(slots=True)
class Pushed:
    """The counts of one push."""

    files: int = 0
    samples: int = 0
    messages: int = 0
    bytes: int = 0
    refused: int = 0
    """The number of files with refused content."""

    def plus(self, other: "Pushed") -> "Pushed":
        """Return the sum of both."""
        return Pushed(*map(sum, zip(astuple(self), astuple(other), strict=True)))


@dataclass(slots=True)
class _Batch:
    """What is known of a batch while it is sent. It counts when all of the batch is acknowledged."""

    fleet: Fleet
    done: Pushed = field(default_factory=Pushed)
    files: list[str] = field(default_factory=list)
    """The files in the order in which their samples are packed."""
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """Why files are refused, by file."""
    names: dict[str, str] = field(default_factory=dict)

    def refuse(self, name: str, *reasons: str) -> None:
        self.reasons.setdefault(name, []).extend(reasons)


class Push:
    """One push: batch after batch, until no file waits. ``done`` counts what is acknowledged, also after a failure."""

    def __init__(
        self,
        source: Source,
        destination: Destination,
        *,
        now: int = 0,
        gzip: bool = True,
        tenant: str | None = None,
        signer: Signer | None = None,
        masking: Masking | None = None,
        fleet: Fleet | None = None,
    ) -> None:
        """Set up a push at a time (Unix seconds). ``gzip`` compresses messages, and ``signer`` signs them.

        With ``tenant`` (a masked name), samples of other tenants are refused. ``masking`` masks the names of plain
        files; without it they are refused. ``fleet`` is what was known of the VMs before.
        """
        self._source = source
        self._destination = destination
        self._now = now
        self._gzip = gzip
        self._tenant = tenant
        self._signer = signer
        self._masking = masking
        self.fleet = fleet or Fleet()
        """What is known of the VMs, with the acknowledged files."""
        self.names: dict[str, str] = {}
        """The real names of VMs by their masked ones, as plain files tell them."""
        self.done = Pushed()

    def tell(self, beat: Heartbeat) -> None:
        """Send a heartbeat. Raises Unavailable."""
        with self._destination.open() as link:
            link.send([self._signed(heartbeat_message(beat))])
        self.fleet.beaten = self._now

    def run(self) -> Iterator[Pushed]:
        """Send all waiting files. Yield ``done`` after each batch. Raises Unavailable; then nothing is lost."""
        names = self._source.claim()
        if not names:
            return
        with self._destination.open() as link:
            while names:
                self._send(names, link)
                yield self.done
                names = self._source.claim()

    def _send(self, names: Sequence[str], link: Link) -> None:
        batch = _Batch(self.fleet.draft())
        limit = link.limit - (HEAD_BYTES if self._signer else 0)

        def too_large(index: int, sample: Sample) -> None:
            batch.refuse(batch.files[index], f"the sample at {sample.timestamp} does not fit into a message")

        packed = pack(self._samples(names, batch), limit, gzip=self._gzip, too_large=too_large)
        for message in link.send(self._counted(packed, batch)):
            for index in message.batches:
                batch.refuse(batch.files[index], f"the queue takes no message of {len(message.body):,} bytes")
            batch.done.messages -= 1
            batch.done.samples -= message.samples
            batch.done.bytes -= len(message.body)
        for name, reasons in batch.reasons.items():
            more = len(reasons) - MOST_REASONS
            shown = [*reasons[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
            self._source.refuse(name, "\n".join(shown))
            batch.fleet.refuse(self._now)
        batch.done.refused = len(batch.reasons)
        self._source.finish()
        self.fleet = batch.fleet
        self.names |= batch.names
        self.done = self.done.plus(batch.done)

    def _signed(self, packed: Packed) -> Packed:
        return replace(packed, body=self._signer.signed(packed.body)) if self._signer else packed

    def _counted(self, messages: Iterator[Packed], batch: _Batch) -> Iterator[Packed]:
        for message in map(self._signed, messages):
            yield message
            batch.done.messages += 1
            batch.done.samples += message.samples
            batch.done.bytes += len(message.body)

    def _samples(self, names: Sequence[str], batch: _Batch) -> Iterator[Sequence[Sample]]:
        """Yield each file's samples, and note the reasons for what is refused."""
        for name in names:
            try:
                found = self._source.read(name)
            except BadMessage as error:
                batch.refuse(name, str(error))
                continue
            if found is None:
                continue
            batch.done.files += 1
            batch.files.append(name)
            content = content_of(found.body, self._tenant, self._masking)
            if content.reasons:
                batch.refuse(name, *content.reasons)
            yield self._noted(name, content, found.written, batch)

    def _noted(self, name: str, content: Content, written: float, batch: _Batch) -> Sequence[Sample]:
        """Return the samples to send, and note who wrote them. Nothing is sent for a VM whose name is used twice."""
        if not content.vm:
            return content.samples
        reason = batch.fleet.take(content.vm, content.head, content.span, written, self._now)
        if reason:
            batch.refuse(name, reason)
            return ()
        batch.names |= content.names
        return content.samples


def push(source: Source, destination: Destination, *, gzip: bool = True, signer: Signer | None = None) -> Pushed:
    """Send all waiting files. Raises Unavailable; then nothing is lost."""
    one = Push(source, destination, gzip=gzip, signer=signer)
    for _ in one.run():
        pass
    return one.done
