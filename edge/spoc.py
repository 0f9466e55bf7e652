"""``spot-pc spoc``: a tenant's only way to the cloud. Collects the agents' files, packs, signs and sends them.

Pushes (edge.pushing) again and again, and sends a heartbeat every quarter of an hour. What the flags mean stands in
edge.spoc_options. The messages to administrators are in this file.
"""

import json
import random
import re
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.enrolment import key_id, text_of
from domain.errors import Unavailable
from domain.heartbeat import CLOCK_OFF
from domain.minutes import HOUR, iso
from edge import VERSION
from edge.app import AppDestination, NotNow
from edge.blobs import sas_days
from edge.fleet import Fleet, decode_fleet
from edge.heartbeat import EVERY, heartbeat
from edge.naming import Names, add_names
from edge.pushing import Push, Pushed
from edge.sources import Source, Waiting
from edge.spoc_options import Setup, parser_of_spoc, read_spoc_options, setup_of, signer_from
from edge.stopping import stop_event, wait

LONGEST_PAUSE = 300.0
PROGRESS_EVERY = 5.0
STATE = "fleet.json"
NAMED = 10


@dataclass(slots=True)
class Pauses:
    """The pauses after failures: longer each time, up to LONGEST_PAUSE. Random, so that SPOCs don't retry together."""

    failures: int = 0
    since: float = 0.0
    said: str = ""

    def after_failure(self, now: float) -> float:
        """Return the seconds to wait after one more failure."""
        if not self.failures:
            self.since = now
        self.failures += 1
        return min(LONGEST_PAUSE, 2.0 ** min(self.failures - 1, 20)) * random.uniform(0.8, 1.2)  # noqa: S311

    def is_new(self, trouble: str) -> bool:
        """Tell whether a trouble differs from the last one by more than its numbers."""
        before, self.said = self.said, re.sub(r"\d+", "", trouble)
        return before != self.said


def until_own_second(now: float, every: float, who: str) -> float:
    """Return the seconds until the next push: each SPOC pushes at a second of its own, so that not all push at once."""
    own = zlib.crc32(who.encode()) % 1000 / 1000 * every
    return every - (now - own) % every


def main(arguments: Sequence[str] | None = None) -> int:
    """Push again and again until interrupted, or once."""
    parser = parser_of_spoc()
    options = read_spoc_options(parser, arguments)
    signer = signer_from(options, parser.error, _say)
    if signer and options.public_key:
        print(f"publicKey {text_of(signer.public)}\nkey id    {key_id(signer.public).hex()}")
        return 0
    setup = setup_of(options, signer, parser.error)
    if options.check:
        return _check(setup)
    if signer is None:
        _say("messages are not signed (--key-file): they are refused as soon as the tenant is enrolled")
    spoc = Spoc(setup, gzip=not options.plain)
    stop = stop_event()
    who = key_id(signer.public).hex() if signer else setup.tenant + setup.drop
    while not stop.is_set():
        pause = spoc.push(int(time.time()))
        if options.once:
            return 1 if spoc.pauses.failures else 0
        wait(stop, until_own_second(time.time(), options.every, who) if pause is None else pause)
    return 0


class Spoc:
    """The SPOC at work: what it keeps from push to push, and what it has said."""

    def __init__(self, setup: Setup, *, gzip: bool = True) -> None:
        """Take up what was kept at the last end."""
        self._setup = setup
        self._gzip = gzip
        self._state = setup.state / STATE
        self._fleet = _kept(self._state)
        self._named: set[str] = set()
        self._real: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._files_at = self._spoke = 0
        self.pauses = Pauses()

    def push(self, now: int) -> float | None:
        """Push once, with a heartbeat if one is due. Return the seconds to wait after a failure, or else None."""
        setup, pause = self._setup, None
        one = Push(
            setup.source,
            setup.destination,
            now=now,
            gzip=self._gzip,
            tenant=setup.tenant or None,
            signer=setup.signer,
            masking=setup.masking,
            fleet=self._fleet,
        )
        before = self._fleet.beaten
        try:
            run(one, setup.source)
            self._beat(one, now)
            if self.pauses.failures:
                _say(f"works again, after {self.pauses.failures} tries in {time.time() - self.pauses.since:.0f} s")
            self.pauses = Pauses()
        except Unavailable as error:
            if self.pauses.is_new(str(error)):
                _say(f"{error}; nothing is lost, it is tried again with growing pauses")
            pause = self.pauses.after_failure(time.time())
            if isinstance(error, NotNow):
                pause = max(pause, error.retry_after)
            if self._waiting() is None:  # it is the source that fails, so the operator can still be told
                with suppress(Unavailable):
                    self._beat(one, now)
        self._fleet = one.fleet
        if one.done.files or one.fleet.beaten != before:
            self._keep(now)
        self._name(one.names)
        self._report(one.done, now)
        return pause

    def _beat(self, one: Push, now: int) -> None:
        """Send a heartbeat if one is due. It follows the files, so that it tells of them. Raises Unavailable."""
        if not self._setup.signer or 0 <= now - one.fleet.beaten < EVERY:
            return
        destination = self._setup.destination
        offset = destination.offset if isinstance(destination, AppDestination) else None
        waiting = self._waiting()
        oldest = waiting.oldest_seconds if waiting and waiting.files else None
        try:
            days = sas_days(self._setup.sas(), now)
        except Unavailable:
            days = None
        one.tell(heartbeat(one.fleet, now, VERSION, offset=offset, oldest=oldest, sas_days=days))

    def _waiting(self) -> Waiting | None:
        try:
            return self._setup.source.waiting()
        except Unavailable:
            return None

    def _keep(self, now: int) -> None:
        try:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._state.with_suffix(".tmp")
            temporary.write_bytes(self._fleet.encoded(now))
            temporary.replace(self._state)
            self._say_new("state", "")
        except OSError as error:
            self._say_new("state", f"what is known of the VMs can't be kept for the next start: {error}")

    def _name(self, names: dict[str, str]) -> None:
        """Add VMs to the administrator's file of names."""
        setup = self._setup
        self._real |= names
        new = {masked: name for masked, name in names.items() if masked not in self._named}
        if not setup.names or not new:
            return
        try:
            add_names(setup.names, Names(setup.tenant, setup.tenant_name, new))
            self._named |= new.keys()
            self._say_new("names", "")
        except (OSError, ValueError) as error:
            self._say_new("names", f"--names: {len(new)} names are not written: {error}")

    def _report(self, done: Pushed, now: int) -> None:
        """Report a push in one line, and print it and the waiting files as a line of JSON.

        Skip pushes that did nothing. If there is nothing to send for an hour, say so, and again every hour.
        """
        waiting = self._waiting()
        if done.files or done.refused:
            _say(
                f"pushed {done.files:,} files with {done.samples:,} samples in {done.messages:,} messages "
                f"({done.bytes:,} bytes)" + (f"; {done.refused:,} files lie in refused/" if done.refused else "")
            )
        self._warn(waiting, now)
        if done.files or self.pauses.failures or not self._spoke:
            self._spoke = now
        elif now - self._spoke >= HOUR:
            self._spoke = now
            since = f"since {iso(self._files_at)}" if self._files_at else "since the start"
            _say(f"nothing to send: no file came to {self._setup.drop} {since}")
        if done.files:
            self._files_at = now
        if done.files or self.pauses.failures:
            metrics = {
                "time": now,
                **asdict(done),
                "retries": self.pauses.failures,
                "waitingFiles": waiting and waiting.files,
                "oldestFileSeconds": waiting and waiting.oldest_seconds,
            }
            print(json.dumps(metrics), flush=True)

    def _warn(self, waiting: Waiting | None, now: int) -> None:
        """Tell what an administrator should see to, with real names where they are known: nobody else reads this."""
        stuck = waiting.stuck if waiting else 0
        self._say_new("stuck", f"{stuck} sent files are locked, and are removed later" if stuck else "")
        twice = self._fleet.twice(now)
        names = ", ".join(self._real.get(name, name) for name in twice[:NAMED])
        self._say_new("twice", f"{len(twice)} names are used by two machines: {names}; see refused/" if twice else "")
        off = self._fleet.clocks_off(now)
        worst = ", ".join(f"{self._real.get(name, name)} by {offset:+.0f} s" for name, offset in off[:NAMED])
        which = " ".join(sorted(name for name, _ in off))
        self._say_new("clocks", f"{len(off)} VMs' clocks are off: {worst}" if off else "", which)
        own = self._setup.destination.offset if isinstance(self._setup.destination, AppDestination) else None
        wrong = own is not None and abs(own) > CLOCK_OFF
        self._say_new("clock", f"this machine's clock is off by {own:+.0f} s" if own and wrong else "", str(wrong))

    def _say_new(self, what: str, text: str, key: str = "") -> None:
        """Say something about a matter, unless the last thing said about it was the same (or had the same ``key``).

        Empty: all is well.
        """
        if text and self._said.get(what) != (key or text):
            _say(text)
        self._said[what] = (key or text) if text else ""


def _kept(path: Path) -> Fleet:
    try:
        return decode_fleet(path.read_bytes())
    except FileNotFoundError:
        return Fleet()
    except (OSError, ValueError) as error:
        _say(f"{path} can't be read, so what was known of the VMs is forgotten: {error}")
        return Fleet()


def run(one: Push, source: Source) -> None:
    """Push. If there is much to push, report the progress now and then."""
    said = time.monotonic()
    for done in one.run():
        if time.monotonic() - said >= PROGRESS_EVERY:
            said = time.monotonic()
            _say(f"sent {done.files:,} files, {source.waiting().files:,} to go")


def _check(setup: Setup) -> int:
    """Print who this SPOC is, and the findings. Return 0 if a push would succeed."""
    signer, masking = setup.signer, setup.masking
    signs = f"signs with the key {key_id(signer.public).hex()}" if signer else "messages are not signed (--key-file)"
    masks = "masks plain names" if masking else "plain files are refused (--masking-key-file)"
    print(f"tenant: {setup.tenant or 'any (--tenant)'}\nsignature: {signs}\nnames: {masks}")

    def look_at_source() -> list[str]:
        return [f"{setup.drop}: {setup.source.waiting().files:,} files wait"]

    found = True
    for name, look in (("source", look_at_source), ("queue", setup.destination.check)):
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
