"""A push: packs and signs the samples that wait in a source, and sends them to a destination.

A file is removed only after the queue has acknowledged every message with a part of it. After a crash before that, the
same messages are sent again with the same ids. Knows no options, no clock and no output.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace

from domain import wire
from domain.errors import BadMessage
from domain.packing import Packed, pack
from domain.samples import Sample
from domain.signed import HEAD_BYTES, Signer
from edge.destinations import Destination
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


class Push:
    """One push: batch after batch, until no file waits. ``done`` counts what is acknowledged, also after a failure."""

    def __init__(
        self,
        source: Source,
        destination: Destination,
        *,
        gzip: bool = True,
        tenant: str | None = None,
        signer: Signer | None = None,
    ) -> None:
        """Set up a push. ``gzip`` compresses messages, and ``signer`` signs them.

        With ``tenant`` (a masked name), samples of other tenants are refused.
        """
        self._source = source
        self._destination = destination
        self._gzip = gzip
        self._tenant = tenant
        self._signer = signer
        self._batch = Pushed()
        self.done = Pushed()

    def run(self) -> Iterator[Pushed]:
        """Send all waiting files. Yield ``done`` after each batch. Raises Unavailable; then nothing is lost."""
        names = self._source.claim()
        if not names:
            return
        with self._destination.open() as link:
            while names:
                self._batch = Pushed()
                limit = link.limit - (HEAD_BYTES if self._signer else 0)
                link.send(self._counted(pack(self._samples(names), limit, gzip=self._gzip)))
                self._source.finish()
                self.done = self.done.plus(self._batch)
                yield self.done
                names = self._source.claim()

    def _counted(self, messages: Iterator[Packed]) -> Iterator[Packed]:
        for packed in messages:
            body = self._signer.signed(packed.body) if self._signer else packed.body
            message = replace(packed, body=body)
            yield message
            self._batch.messages += 1
            self._batch.samples += message.samples
            self._batch.bytes += len(message.body)

    def _samples(self, names: Sequence[str]) -> Iterator[Sequence[Sample]]:
        """Yield each file's samples. A file with other content is also kept aside with the reasons."""
        for name in names:
            body = self._source.read(name)
            if body is None:
                continue
            self._batch.files += 1
            samples, reasons = self._checked(body)
            if reasons:
                more = len(reasons) - MOST_REASONS
                shown = [*reasons[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
                self._source.refuse(name, body, "\n".join(shown))
                self._batch.refused += 1
            yield samples

    def _checked(self, body: bytes) -> tuple[Sequence[Sample], list[str]]:
        """Return a file's valid samples, and the reasons for refusing the rest."""
        try:
            decoded = wire.decode(body)
        except BadMessage as error:
            return (), [str(error)]
        reasons = [f"metrics[{each.position}]: {each.reason}" for each in decoded.refused.kept]
        if more := decoded.refused.count - len(reasons):
            reasons.append(f"{more} more are refused as well")
        if self._tenant is None:
            return decoded.samples, reasons
        ours = [sample for sample in decoded.samples if sample.MaskedTenantId == self._tenant]
        if others := len(decoded.samples) - len(ours):
            reasons.append(f"{others} samples are of another tenant than {self._tenant}")
        return ours, reasons


def push(source: Source, destination: Destination, *, gzip: bool = True, signer: Signer | None = None) -> Pushed:
    """Send all waiting files. Raises Unavailable; then nothing is lost."""
    one = Push(source, destination, gzip=gzip, signer=signer)
    for _ in one.run():
        pass
    return one.done
