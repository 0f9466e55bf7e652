"""Receivers of the fleet's minutes by Prometheus remote write: a port, and its adapter over HTTP.

Knows which answers mean: taken, refused for good, wait, or an operator must act. Does not know what is sent when.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Protocol

from domain.errors import Misconfigured, Unavailable
from domain.remote_write import TimeSeries, request_body

SECONDS = 10
"""How many seconds one request may take, whatever the receiver does."""

RETRY_SECONDS = 5
"""After how many seconds a request is tried again if the receiver does not say."""

LONGEST_RETRY_SECONDS = 3_600
"""How many seconds a receiver may ask us to wait at most."""

MOST_TOLD = 300
"""How many characters of an answer are shown to the operator."""

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "spot-pc-insights",
}

_ORDER = re.compile(r"out[ -]of[ -](order|bounds)|duplicate|too[ -](old|far[ -]in[ -](the[ -])?past)", re.IGNORECASE)
"""How Prometheus (storage/interface.go), Mimir and Thanos name the samples they will never take: a sample at a
timestamp that has one already, a sample older than the newest of its series, or one that is too old."""

_ORDER_STATUS = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT)  # Thanos answers with the second


class Receiver(Protocol):
    """The port."""

    async def write(self, series: Sequence[TimeSeries]) -> bool:
        """Return whether all was taken; False: at least one sample never will be, so perhaps nothing was.

        Raises Unavailable if the request must be sent again later, or its subclass Misconfigured if an operator must
        act.
        """


@dataclass(frozen=True, slots=True)
class HttpReceiver:
    """A receiver at a URL, perhaps with a bearer token. Redirects are not followed, so that the token stays here."""

    url: str
    token: str | None = None
    seconds: float = SECONDS

    async def write(self, series: Sequence[TimeSeries]) -> bool:
        """See Receiver."""
        from aiohttp import ClientError, ClientSession, ClientTimeout  # noqa: PLC0415  (loaded when needed)

        headers = HEADERS | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        try:
            async with (
                ClientSession(timeout=ClientTimeout(total=self.seconds), trust_env=True) as session,
                session.post(self.url, data=request_body(series), headers=headers, allow_redirects=False) as answer,
            ):
                text = (await answer.content.read(MOST_TOLD)).decode(errors="replace")
                return _taken(answer.status, text, answer.headers.get("Retry-After"), answer.headers.get("Date"))
        except TimeoutError as error:
            raise Unavailable(f"the receiver did not answer in {self.seconds:g} s", RETRY_SECONDS) from error
        except (ClientError, OSError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Unavailable(f"the receiver can't be reached: {reason}", RETRY_SECONDS) from error


def _taken(status: int, text: str, retry_after: str | None, date: str | None) -> bool:
    """Return what Receiver.write returns for an HTTP answer."""
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return True
    if status in _ORDER_STATUS and _ORDER.search(text):
        return False
    told = f"the receiver answered {status}: {' '.join(text.split())}".rstrip(": ")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(told, _seconds(retry_after, date))
    raise Misconfigured(f"{told}; look at REMOTE_WRITE_URL and REMOTE_WRITE_TOKEN, and at the receiver's limits")


def _seconds(retry_after: str | None, date: str | None) -> float:
    """Return how long to wait. Retry-After is in seconds, or a date to compare with the receiver's own clock."""
    text = (retry_after or "").strip()
    seconds = float(RETRY_SECONDS)
    if re.fullmatch(r"[0-9]{1,9}", text):
        seconds = float(text)
    elif text and date:
        try:
            until, now = (parsedate_to_datetime(each).replace(tzinfo=UTC) for each in (text, date))
            seconds = (until - now).total_seconds()
        except ValueError:
            pass
    return min(max(seconds, 0.0), LONGEST_RETRY_SECONDS)
