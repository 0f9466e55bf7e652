"""``spot-pc join CODE --app URL``: makes this machine the SPOC of a tenant, with a code that the operator gave.

Checks the way to the app and the drop before anything is changed, and says what each check found. Then it makes the
keys, joins, and writes the SPOC's settings and the folder for all VMs. The same command again does the same again: keys
are kept, and the app gives the same answer to the same code and key.

Ends with 0 if the machine has joined, with 1 if something failed (it says what, and what to do), and with 2 for options
that make no sense.
"""

import argparse
import base64
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from domain.enrolment import key_id, text_of
from domain.errors import Unavailable
from domain.invitation import code_of, to_prove
from domain.masking import is_masked
from domain.signed import Signer
from edge import services
from edge.blobs import BlobSource
from edge.for_vms import Drop, toml, write_for_vms
from edge.https import Answer, Connection, Server
from edge.join_checks import check_certificate, check_clock, check_container, check_folder, check_name
from edge.machine import MachineFolders, machine_folders
from edge.signing import signer_of, write_private
from edge.sources import Source
from edge.spoc_options import SETTINGS, add_drop_options, add_way_options, sas_of, server_of, source_of

_T = TypeVar("_T")

TRIES = 5
PAUSE = 1.0
LONGEST_WAIT = 30.0
"""The seconds between two tries: if the app does not say, and at most."""

MASKING_BYTES = 32


@dataclass(frozen=True, slots=True)
class Joined:
    """The app's answer: who this SPOC is. ``packages`` is where VMs' packages are; empty: not told."""

    tenant: str
    key: str
    confirmed: bool
    packages: str


def join_parser() -> argparse.ArgumentParser:
    """Return the parser of join's flags."""
    parser = argparse.ArgumentParser(
        prog="spot-pc join",
        description="Make this machine the SPOC of a tenant: check the way, join with the operator's code, write the "
        "settings. Run it as an administrator.",
    )
    parser.add_argument("code", help="the code that the operator gave")
    parser.add_argument("--app", metavar="URL", required=True, help="the app's address, as the operator gave it")
    add_way_options(parser)
    add_drop_options(parser)
    parser.add_argument("--share", help="the folder as the VMs reach it (default: --folder)")
    parser.add_argument("--out", type=Path, help="where to write the folder for all VMs (default: beside the settings)")
    parser.add_argument("--package", type=Path, action="append", default=[], help="a package to put there")
    parser.add_argument("--new-key", action="store_true", help="make a new signing key, as the old one was revoked")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, join and write; say each step in a line."""
    parser = join_parser()
    options = parser.parse_args(arguments)
    try:
        code = code_of(options.code)
    except ValueError as error:
        parser.error(f"the code {error}")
    options.archive = None
    try:
        server = server_of(options.app, options)
    except ValueError as error:
        parser.error(f"--app: {error}")
    source = source_of(options, machine_folders().state / "spoc", parser.error)
    try:
        return _Join(options, server, machine_folders(), sas_of(options, parser.error)).run(code, source)
    except _Failed:
        return 1


class _Failed(Exception):
    """A step failed, and has been said."""


class _Join:
    def __init__(
        self, options: argparse.Namespace, server: Server, here: MachineFolders, sas: Callable[[], str]
    ) -> None:
        self._options = options
        self._server = server
        self._here = here
        self._sas = sas

    def run(self, code: str, source: Source) -> int:
        server, options = self._server, self._options
        _step("name", lambda: check_name(server), str)
        _step("certificate", lambda: check_certificate(server), str)
        _step("clock", lambda: check_clock(server), str)
        if isinstance(source, BlobSource):
            _step("drop", lambda: check_container(source, self._sas(), time.time()), str)
        else:
            _step("drop", lambda: check_folder(options.folder, self._user), str)
        signer = _step("keys", self._keys)
        joined = _step("join", lambda: _join(server, code, signer), lambda found: f"this machine is {found.tenant}")
        _step("key", self._use_key)
        _step("settings", lambda: self._write_settings(joined), str)
        _step("for all VMs", lambda: self._write_for_vms(joined), str)
        _say("service", services.enable_spoc())
        print(_farewell(joined, self._here.settings / "masking.key"))
        return 0

    def _keys(self) -> Signer:
        """Return the signing key to join with, and see that there is a masking key. A new key replaces none yet."""
        path = self._signing.with_name("spoc.new.key") if self._options.new_key else self._signing
        signer, made = signer_of(path)
        masking = self._here.settings / "masking.key"
        masked = not masking.exists()
        if masked:
            write_private(masking, base64.b64encode(secrets.token_bytes(MASKING_BYTES)) + b"\n")
        for each in (path, masking):
            self._hand_over(each)
        verbs = ["made" if new else "kept" for new in (made, masked)]
        _say("keys", f"{verbs[0]} {path}, {verbs[1]} {masking}")
        return signer

    @property
    def _signing(self) -> Path:
        return self._here.settings / "spoc.key"

    def _use_key(self) -> None:
        """Let the key that has joined be the SPOC's. The one before it is kept aside."""
        new = self._signing.with_name("spoc.new.key")
        if self._options.new_key:
            if self._signing.exists():
                self._signing.replace(self._signing.with_name("spoc.old.key"))
            new.replace(self._signing)

    @property
    def _user(self) -> os.stat_result | None:
        """Return whose file the state folder is: the SPOC's user's. None where only the folders' rights say so."""
        known = os.name == "posix" and os.geteuid() == 0 and self._here.state.exists()
        return self._here.state.stat() if known else None

    def _hand_over(self, path: Path) -> None:
        """Give a file to the SPOC's user."""
        if owner := self._user:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)  # its user could put a link there

    def _write_settings(self, joined: Joined) -> str:
        """Write what worked. A service has neither its user's proxy nor its folder, so all is written out."""
        options, here = self._options, self._here
        state = here.state / "spoc"
        state.mkdir(parents=True, exist_ok=True)
        self._hand_over(state)
        found = {"app": self._server.url, "tenant": joined.tenant, "proxy": self._server.used_proxy or "none"}
        if options.ca_file:
            shutil.copyfile(options.ca_file, here.settings / "ca.pem.new")
            (here.settings / "ca.pem.new").replace(here.settings / "ca.pem")
            found["ca-file"] = str(here.settings / "ca.pem")
        found |= {"key-file": str(self._signing), "masking-key-file": str(here.settings / "masking.key")}
        found |= {"names": str(state / "names.json"), "state": str(state)}
        if options.folder:
            found["folder"] = str(options.folder.absolute())
        else:
            found["container"] = self._container
            found |= {"prefix": options.prefix} if options.prefix else {}
            if sas := self._sas():
                write_private(here.settings / "spoc.sas", sas.encode() + b"\n")
                self._hand_over(here.settings / "spoc.sas")
                found["sas-file"] = str(here.settings / "spoc.sas")
        path = here.settings / SETTINGS
        write_private(path, f"# Written by spot-pc join. The flags of spot-pc spoc --help.\n{toml(found)}".encode())
        self._hand_over(path)
        return f"wrote {path}"

    def _write_for_vms(self, joined: Joined) -> str:
        options = self._options
        out = options.out or self._here.settings / "for-vms"
        folder = options.share or (str(options.folder) if options.folder else "")
        drop = Drop(folder, "" if folder else self._for_agents())
        names = write_for_vms(out, drop, options.package, joined.packages)
        note = ""
        if options.folder and not options.share and not folder.startswith("\\\\"):
            note = f". NOTE: {folder} must be that folder on the VMs too; where it is shared, give --share"
        return f"wrote {', '.join(names)} to {out}{note}"

    @property
    def _container(self) -> str:
        return str(self._options.container).partition("?")[0].rstrip("/")

    def _for_agents(self) -> str:
        return f"{self._container}/{self._options.prefix}".rstrip("/")


def _join(server: Server, code: str, signer: Signer) -> Joined:
    """Join, and try again where the answer is lost or the app is busy: the same code and key get the same answer."""
    proof = base64.b64encode(signer.signature(to_prove(code))).decode("ascii")
    body = json.dumps({"code": code, "publicKey": text_of(signer.public), "proof": proof}).encode()
    for left in reversed(range(TRIES)):
        try:
            with Connection(server) as connection:
                answer = connection.request("POST", "/v1/join", body, "application/json")
            if answer.status not in {429, 500, 502, 503, 504}:
                return _joined(answer, signer)
            error, pause = Unavailable(f"the app is busy ({answer.status}); try again"), answer.retry_after
        except Unavailable as lost:
            error, pause = lost, None
        if not left:
            raise error
        time.sleep(min(LONGEST_WAIT, PAUSE if pause is None else pause))
    raise AssertionError


def _joined(answer: Answer, signer: Signer) -> Joined:
    if answer.status == 403:  # noqa: PLR2004
        raise Unavailable(
            "the app does not accept this code: it is mistyped, older than 24 hours, or was used by another machine or "
            "with another key. Ask the operator for a new one"
        )
    try:
        found = json.loads(answer.body)
        joined = Joined(
            str(found["tenant"]), str(found["keyId"]), found["confirmed"] is True, str(found.get("packages") or "")
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable(
            f"the app answers {answer.status}, which join does not understand; is that its URL?"
        ) from error
    if not is_masked(joined.tenant) or not joined.packages.isprintable():
        raise Unavailable("the app's answer holds a name or address that can't be right; is that its URL?")
    if joined.key != key_id(signer.public).hex():
        raise Unavailable(f"the app has joined another key than this machine's ({joined.key}); tell the operator")
    return joined


def _farewell(joined: Joined, masking: Path) -> str:
    groups = " ".join(joined.key[at : at + 4] for at in range(0, len(joined.key), 4))
    confirm = (
        "The operator has confirmed this key already."
        if joined.confirmed
        else "Call the operator, and read this fingerprint aloud. Nothing is taken until they have confirmed it."
    )
    return f"""
{confirm}

    {groups}

Back up {masking} where only you can read it. With it (put back before joining),
a new machine keeps the masked names, and so the charts' history. The signing key needs no backup: a new machine joins
with a new code.
Next: install the agents, as the folder for all VMs says. 'spot-pc spoc --check' tells how the SPOC is."""


def _step(name: str, do: Callable[[], _T], tell: Callable[[_T], str] | None = None) -> _T:
    """Do a step. Say what came of it, or what is wrong and what to do; then nothing more is done."""
    try:
        found = do()
    except (Unavailable, OSError, ValueError) as error:
        advice = "; run this as an administrator" if isinstance(error, PermissionError) else ""
        _say(name, f"FAILED: {error}{advice}")
        raise _Failed from error
    if tell:
        _say(name, tell(found))
    return found


def _say(name: str, text: str) -> None:
    print(f"{name:12} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
