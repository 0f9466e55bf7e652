"""The provider's app as a destination: ``POST /v1/push``, one signed message for each request (docs/api.md).

Needs no Azure SDK and no identity in the provider's directory: the signature tells who sends. Knows what the app's
answers mean for a SPOC; how a request gets there is edge.https.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from domain import wire
from domain.enrolment import key_id
from domain.errors import Unavailable
from domain.packing import Packed
from domain.signed import Signer
from edge.destinations import HEADER_ROOM, STANDARD_LIMIT
from edge.https import Answer, Connection, Server

PUSH = "/v1/push"
BINARY = "application/octet-stream"
SLOWLY = 60.0
"""The fewest seconds between two tries while the key is not accepted. The operator may be about to confirm it."""

BUSY = 5.0
"""After how many seconds a busy app is tried again if it does not say when."""


class NotNow(Unavailable):
    """The app answers, but takes nothing from this SPOC now. It is not tried again before ``retry_after`` seconds."""


@dataclass(slots=True)
class AppDestination:
    """The app at a server. It takes messages that ``signer`` has signed."""

    server: Server
    signer: Signer
    limit: int = STANDARD_LIMIT - HEADER_ROOM
    offset: float | None = field(default=None, init=False)
    """This machine's clock minus the app's, in seconds, by the newest answer. None: not known yet."""
    taken: set[str] = field(default_factory=set, init=False)
    """The ids of a batch's acknowledged messages. When the batch is sent again, because a later message of it failed,
    these are not. So a batch ends even if the app takes only some messages at a time."""

    def __str__(self) -> str:
        """Name the app and the way to it, without any secret."""
        way = f", by the proxy {self.server.shown_proxy}" if self.server.used_proxy else ""
        return f"the app {self.server.url}{way}"

    @property
    def key(self) -> str:
        """The id of the key, by which the operator knows it."""
        return key_id(self.signer.public).hex()

    @contextmanager
    def open(self) -> Iterator["AppLink"]:
        """See Destination. Connects when the first message is sent."""
        with Connection(self.server) as connection:
            yield AppLink(self, connection)

    def check(self) -> list[str]:
        """See Destination. Sends a message without samples: only that shows whether the key is accepted."""
        with self.open() as link:
            link.send([Packed(self.signer.signed(wire.encode_samples([])), 0, ())])
        clock = "unknown, its answer has no date" if self.offset is None else f"{self.offset:+} s from the app's"
        return [f"{self}: reached", "may send: yes, the key is confirmed", f"this machine's clock: {clock}"]

    def noted(self, answer: Answer) -> None:
        """Note the clock of an answer."""
        if answer.offset is not None:
            self.offset = answer.offset

    def refusal(self, answer: Answer) -> Unavailable:
        """Return what an answer means that did not take a message."""
        later = answer.retry_after
        match answer.status:
            case 401:
                return NotNow(
                    f"{self} does not know the key {self.key}, or it is revoked. Ask the operator, who has its id in "
                    "the list of tenants; where this machine has never joined, run 'spot-pc join CODE'",
                    max(SLOWLY, later or 0),
                )
            case 403:
                return NotNow(
                    f"the key {self.key} awaits confirmation: read it to the operator, who compares and confirms it",
                    max(SLOWLY, later or 0),
                )
            case 429 | 503:
                return NotNow(f"{self} is busy ({answer.status})", BUSY if later is None else later)
        problem = _problem(answer.body)
        return Unavailable(f"{self} answers {answer.status}{f': {problem}' if problem else ''}; is that its URL?")


@dataclass(frozen=True, slots=True)
class AppLink:
    """An open way to the app: one connection for all messages."""

    app: AppDestination
    connection: Connection

    @property
    def limit(self) -> int:
        """See Link."""
        return self.app.limit

    def send(self, messages: Iterable[Packed]) -> Sequence[Packed]:
        """See Link. The app answers 202 after its queue has acknowledged the message."""
        never, taken = [], self.app.taken
        for message in messages:
            if message.message_id in taken:
                continue
            answer = self.connection.request("POST", PUSH, message.body, BINARY)
            self.app.noted(answer)
            if answer.status == 413:  # noqa: PLR2004
                never.append(message)
            elif answer.status == 202:  # noqa: PLR2004
                taken.add(message.message_id)
            else:
                raise self.app.refusal(answer)
        taken.clear()
        return never


def _problem(body: bytes) -> str:
    """Return what a problem document says (RFC 9457), or nothing."""
    try:
        found = json.loads(body)
        said = found.get("detail") or found.get("title") if isinstance(found, dict) else ""
    except (ValueError, RecursionError):
        return ""
    return str(said or "")[:300]
