"""The identity that Azure gives to a VM (a managed identity), to write to Azure Storage in its name.

The VM asks Azure's metadata service, which answers on a fixed address that only the VM itself reaches. Source:
learn.microsoft.com, "How to use managed identities for Azure resources on an Azure VM to acquire an access token".
Tried here with a service of that form on loopback; not with Azure.
"""

import http.client
import json
import time

from domain.errors import Unavailable

ADDRESS = "169.254.169.254"
PATH = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com%2F"
SECONDS = 10
SPARE = 300
"""A token is asked for anew so many seconds before it expires."""


class VmIdentity:
    """The VM's identity. It has none if the VM is not in Azure, or has no managed identity."""

    def __init__(self, address: str = ADDRESS) -> None:
        """Ask the metadata service at an address when a token is wanted."""
        self._address = address
        self._token = ""
        self._until = 0.0

    def token(self) -> str:
        """Return an access token for Azure Storage. Raises Unavailable."""
        if time.monotonic() >= self._until:
            self._ask()
        return self._token

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=SECONDS)
        try:
            connection.request("GET", PATH, headers={"Metadata": "true"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise Unavailable(f"{_NONE}: Azure's metadata service answers {answer.status}")
            given = json.loads(body)
            self._token = str(given["access_token"])
            self._until = time.monotonic() + float(given["expires_in"]) - SPARE
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"{_NONE}: Azure's metadata service can't be asked: {error}") from error
        finally:
            connection.close()


_NONE = "this VM has no identity to deliver with; give it a managed identity with the right to write blobs, or a SAS"
