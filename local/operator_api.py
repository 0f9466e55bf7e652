"""What an operator asks of a running app for the sample fleet: enrol its tenants, and purge them.

Knows the API (docs/api.md) and how an operator proves who they are; does not know what the tenants send.
"""

import base64
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from domain.errors import Unavailable
from edge.https import Connection, Server

OPERATOR_KEY = "SPOT_OPERATOR_KEY"
OPERATOR_TOKEN = "SPOT_OPERATOR_TOKEN"  # noqa: S105  (the name of a variable)
MOST_ANSWER = 64 * 1024 * 1024
POLL_SECONDS = 1
CONTACT = "nobody: it is a sample"


class Operator:
    """An operator at an app's address. The function key or bearer token comes from the environment."""

    def __init__(self, address: str) -> None:
        """Take the app's address. Raises ValueError if it is none, or not HTTPS."""
        self._server = Server(address.rstrip("/"))
        self._headers: dict[str, str] = {}
        if key := os.environ.get(OPERATOR_KEY):
            self._headers["x-functions-key"] = key
        if token := os.environ.get(OPERATOR_TOKEN):
            self._headers["Authorization"] = f"Bearer {token}"

    def enrol(self, keys: Mapping[str, tuple[bytes, str]]) -> bool:
        """Enrol tenants by name, each with its public key and label; return whether anything changed.

        Other valid keys of them are revoked: their private halves are lost. Raises Unavailable.
        """
        changed = False
        known = self._enrolled(keys)
        for tenant, (public, label) in keys.items():
            ours = base64.b64encode(public).decode()
            valid = [key for key in known.get(tenant, ()) if key["revoked"] is None]
            if [key["publicKey"] for key in valid] == [ours]:
                continue
            for key in valid:
                if key["publicKey"] != ours:
                    self._ask("POST", "/v1/admin/tenants/revoke", {"tenant": tenant, "key": key["id"]})
            asked = {"tenant": tenant, "publicKey": ours, "label": label, "contact": CONTACT}
            self._ask("POST", "/v1/admin/tenants", asked)
            changed = True
        return changed

    def remove(self, tenants: Collection[str]) -> Iterator[tuple[str, str]]:
        """Revoke these tenants' keys and purge what they sent; yield each with what was done. Raises Unavailable."""
        for tenant, keys in self._enrolled(tenants).items():
            for key in keys:
                if key["revoked"] is None:
                    self._ask("POST", "/v1/admin/tenants/revoke", {"tenant": tenant, "key": key["id"]})
        sending = {each["tenant"] for each in self._ask("GET", "/v1/tenants")["data"]}
        for tenant in tenants:
            if tenant not in sending:
                yield tenant, "has sent nothing"
                continue
            name = quote(tenant, safe="")
            started = self._ask("POST", f"/v1/admin/purge?tenant={name}&confirm={name}")
            yield tenant, self._ended(f"/{urlsplit(started['statusUrl']).path.lstrip('/')}")

    def _ended(self, path: str) -> str:
        while (status := self._ask("GET", path))["state"] == "running":
            time.sleep(POLL_SECONDS)
        if status["state"] != "done":
            raise Unavailable(f"the purge has {status['state']}: {status['error']}; ask for the same again")
        return f"{status['figures'].get('samples', 0):,} samples removed"

    def _enrolled(self, tenants: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Return the keys of those of these tenants that the app knows."""
        found: dict[str, list[dict[str, Any]]] = {}
        page = ""
        while True:
            answer = self._ask("GET", f"/v1/admin/tenants{page}")
            found |= {each["tenant"]: each["keys"] for each in answer["data"] if each["tenant"] in tenants}
            if not answer.get("nextPage"):
                return found
            page = f"?page={quote(answer['nextPage'], safe='')}"

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        with Connection(self._server, MOST_ANSWER) as connection:
            answer = connection.request(method, path, content, "application/json", self._headers)
        if answer.status in (200, 202):
            return json.loads(answer.body)
        hint = f"; {OPERATOR_KEY} or {OPERATOR_TOKEN} must be an operator's" if answer.status in (401, 403) else ""
        raise Unavailable(f"{self._server.url}{path} answers {answer.status}: {_detail(answer.body)}{hint}")


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return "it gives no reason"
