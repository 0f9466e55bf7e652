"""``python -m local.export``: copies samples or averages out of a running app into files, for learning elsewhere.

It asks the app's API page by page, as anybody may, and writes one file for each hour of samples or each day of
averages. A file has its name only when it is complete: so after being killed, the same command goes on with the first
file that is missing. Knows the API's pages; refuses to know the app's store, and how rows stand in a file
(local.forms).

If people sign in to the app, put a token into APP_TOKEN; if it wants a function key, put that into APP_KEY.
"""

import argparse
import gzip
import http.client
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from blueprints.http.fields import moment
from domain.minutes import DAY, HOUR
from local.forms import Form, Lines, Parquet

PIECE = {"samples": HOUR, "averages": DAY}
"""How many seconds one file covers."""

ASKED: Mapping[str, Mapping[str, str]] = {
    "samples": {"path": "v1/samples", "limit": "20000"},
    "averages": {"path": "v1/get-data", "key": "*", "final": "true"},
}
LOCAL = ("127.0.0.1", "localhost", "::1")
ATTEMPTS = 8
SECONDS = 120
"""How long one page may take."""


class Ended(Exception):
    """The export can't go on. ``str()`` says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks one app. ``headers`` hold what lets the caller in."""

    app: str
    headers: Mapping[str, str]
    pause: float = 1.0
    """Seconds before the first repetition; each further one waits twice as long, at most a minute."""

    def pages(self, what: str, start: int, end: int, form: str) -> Iterator[bytes]:
        """Yield the pages of a range, ``end`` excluded, as the app writes them. Asks for the next one meanwhile."""
        asked = {name: value for name, value in ASKED[what].items() if name != "path"}
        query = urlencode({**asked, "start": start, "end": end - 1, "format": form})
        first: str | None = urljoin(self.app, f"{ASKED[what]['path']}?{query}")
        with ThreadPoolExecutor(1) as ahead:
            page = ahead.submit(self._page, str(first))
            while True:
                body, following = page.result()
                if following:
                    page = ahead.submit(self._page, following)
                yield body
                if not following:
                    return

    def _page(self, url: str) -> tuple[bytes, str | None]:
        """Return a page and the address of the next one. Raises Ended, if it still fails when asked again."""
        for attempt in range(1, ATTEMPTS + 1):
            wait = min(60.0, self.pause * 2 ** (attempt - 1))
            try:
                with _OPENER.open(urllib.request.Request(url, headers=dict(self.headers)), timeout=SECONDS) as answer:  # noqa: S310
                    body = answer.read()
                    if answer.headers.get("Content-Encoding") == "gzip":
                        body = gzip.decompress(body)
                    return body, _following(url, answer.headers.get("Link", ""))
            except urllib.error.HTTPError as error:
                said = _said(error)
                if error.code not in (429, 500, 502, 503, 504):
                    raise Ended(f"{self.app} answered {error.code}: {said}") from error
                wait = max(wait, _seconds(error.headers.get("Retry-After", "")))
            except (OSError, http.client.HTTPException, EOFError) as error:
                said = str(error) or type(error).__name__
            if attempt < ATTEMPTS:
                print(f"{said}; asking again in {wait:.0f} s", file=sys.stderr, flush=True)
                time.sleep(wait)
        raise Ended(f"{self.app} does not answer, tried {ATTEMPTS} times: {said}. Run the same command again later")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, since they might take the token to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _following(url: str, link: str) -> str | None:
    """Return the address of the page after ``url``, None if there is none. Raises Ended if another host has it."""
    if not link:
        return None
    following = urljoin(url, link[1:].partition(">")[0])
    if urlsplit(following)[:2] != urlsplit(url)[:2]:  # the token is for the app alone
        raise Ended(f"the app says that the next page is at {following}, which is not the app's address")
    return following


def _seconds(text: str) -> float:
    """Return the seconds of Retry-After. Of a date, which it may also be, none: the pause grows anyway."""
    return float(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0.0


def _said(error: urllib.error.HTTPError) -> str:
    hints = {
        401: "sign in: put a token into APP_TOKEN (a token lasts about an hour), or a function key into APP_KEY",
        404: "is --app the app's address, and has it data?",
    }
    try:
        detail = json.loads(error.read())["detail"]
    except (OSError, ValueError, KeyError, TypeError):
        detail = ""
    return str(detail) or hints.get(error.code, str(error.reason))


@dataclass(frozen=True, slots=True)
class Piece:
    """What one file holds: the minutes from ``start`` (Unix seconds) to before ``end``."""

    start: int
    end: int

    def name(self, what: str, form: str) -> str:
        """Return the name of its file."""
        stamps = (datetime.fromtimestamp(each, UTC).strftime("%Y%m%dT%H%M%SZ") for each in (self.start, self.end))
        return f"{what}-{'-'.join(stamps)}.{form}"


def pieces(what: str, start: int, end: int) -> list[Piece]:
    """Return the pieces of a range, cut at full hours (samples) or UTC days (averages)."""
    step = PIECE[what]
    cuts = [start, *range(start - start % step + step, end, step), end]
    return [Piece(one, other) for one, other in pairwise(cuts)]


def export(asking: Asking, what: str, form: str, wanted: list[Piece], folder: Path) -> int:
    """Write the files that are missing; return how many rows were written. Raises Ended and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [piece for piece in wanted if not (folder / piece.name(what, form)).exists()]
    print(f"{len(wanted)} files in {folder}, of which {len(wanted) - len(missing)} are there already", flush=True)
    began, total = time.monotonic(), 0
    for number, piece in enumerate(missing, 1):
        path = folder / piece.name(what, form)
        rows = _write(asking, what, form, piece, path)
        total += rows
        took = time.monotonic() - began
        left = took / number * (len(missing) - number)
        size = path.stat().st_size / 1e6
        print(f"{path.name}: {rows:,} rows, {size:,.1f} MB. {number} of {len(missing)}, {left:,.0f} s left", flush=True)
    return total


def _write(asking: Asking, what: str, form: str, piece: Piece, path: Path) -> int:
    """Write one file; return how many rows it has. It gets its name when it is complete."""
    part = path.with_name(f"{path.name}.part")
    rows, said = 0, time.monotonic()
    part.unlink(missing_ok=True)  # a killed export's, or another one's, which then notices below
    with part.open("xb") as file:
        into: Form = Parquet(file, what) if form == "parquet" else Lines(file, form == "csv")
        for page in asking.pages(what, piece.start, piece.end, "csv" if form == "csv" else "ndjson"):
            rows += into.add(page)
            if sys.stderr.isatty() and time.monotonic() - said > 1:
                said = time.monotonic()
                print(f"{path.name}: {rows:,} rows so far", end="\r", file=sys.stderr, flush=True)
        into.end()
        file.flush()
        os.fsync(file.fileno())
        if not os.path.samestat(os.fstat(file.fileno()), part.stat()):
            raise Ended(f"another export writes {path.name}. Let it finish, or give this one another folder (--to)")
    part.replace(path)
    return rows


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is no address like https://HOST")
    if parts.scheme == "http" and parts.hostname not in LOCAL:
        raise argparse.ArgumentTypeError("only an app on this machine may be asked without TLS: use https://")
    return text.rstrip("/") + "/"


def _moment(text: str) -> int:
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: list[str] | None = None) -> int:
    """Export; return the exit code: 0 if every file is there."""
    about = (__doc__ or "").partition(": ")[2]
    parser = argparse.ArgumentParser("python -m local.export", description=about, formatter_class=_Plain)
    parser.add_argument("--app", required=True, type=_address, help="the app's address")
    parser.add_argument("--start", required=True, type=_moment, help="ISO 8601 or Unix seconds")
    parser.add_argument("--end", required=True, type=_moment, help="the same; this second is not included")
    parser.add_argument("--what", choices=sorted(PIECE), default="samples", help="default: samples")
    parser.add_argument("--form", choices=["ndjson", "csv", "parquet"], default="parquet", help="default: parquet")
    parser.add_argument("--to", type=Path, default=Path("export"), help="the folder for the files; default: export")
    given = parser.parse_args(arguments)
    if given.start >= given.end:
        parser.error("--start is not before --end")
    if given.end > time.time():
        parser.error("--end lies in the future: a file is never written again, so what comes later would be missing")
    headers = {} if urlsplit(given.app).hostname in LOCAL else {"Accept-Encoding": "gzip"}
    for name, header, before in (("APP_TOKEN", "Authorization", "Bearer "), ("APP_KEY", "x-functions-key", "")):
        if secret := os.environ.get(name, "").strip():
            if not re.fullmatch(r"[!-~]+", secret):
                parser.error(f"{name} has characters that no token and no key has: copy it again")
            headers[header] = before + secret
    try:
        if given.form == "parquet":
            import pyarrow as pa  # noqa: F401, PLC0415
        rows = export(
            Asking(given.app, headers), given.what, given.form, pieces(given.what, given.start, given.end), given.to
        )
    except ImportError:
        print("Parquet needs pyarrow: python -m pip install -r requirements/export.txt, or --form csv", file=sys.stderr)
        return 1
    except (Ended, OSError) as error:
        print(f"not complete: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nnot complete: run the same command again to go on", file=sys.stderr)
        return 130
    print(f"complete: {rows:,} rows written")
    return 0


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
