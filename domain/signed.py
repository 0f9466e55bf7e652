"""Signed messages: a head in front of a message's body, which shows ingest which tenant sent it.

The head is a magic (8 bytes), the id of a key (16) and an Ed25519 signature (64, RFC 8032) over the magic, the id and
the body. Its first bytes identify it, as with gzip, so any transport that carries messages carries signed ones
unchanged. Does not know which tenant owns a key (domain.enrolment), what the body holds (domain.wire), or where a
private key is kept.

The signature library is loaded when the first signature is made or checked, so a cold start does not wait for it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.enrolment import ID_BYTES, key_id
from domain.errors import BadMessage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAGIC = b"SPOTSIG1"
SIGNATURE_BYTES = 64
HEAD_BYTES = len(MAGIC) + ID_BYTES + SIGNATURE_BYTES
"""How many bytes a signature adds to a message."""

SECRET_BYTES = 32
_KEYS_KEPT = 1_024


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed message, split into its parts. ``key`` is the id of the key that the message names as its signer."""

    key: str
    signature: bytes
    body: bytes

    def fits(self, public: bytes) -> bool:
        """Return whether it was signed with the private key of this public key, and is unchanged since."""
        return fits(public, self.signature, _to_sign(bytes.fromhex(self.key), self.body))


def fits(public: bytes, signature: bytes, text: bytes) -> bool:
    """Return whether a text has this signature by the private key of this public key."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        _public_key(public).verify(signature, text)
    except (InvalidSignature, ValueError):  # ValueError: these 32 bytes are no point of the curve
        return False
    return True


def taken_apart(message: bytes) -> Signed | None:
    """Return a signed message's parts; None: it is not signed. Raises BadMessage if its head is cut off."""
    if not message.startswith(MAGIC):
        return None
    if len(message) < HEAD_BYTES:
        raise BadMessage("the message begins like a signed one but is cut off")
    head = message[len(MAGIC) : HEAD_BYTES]
    return Signed(head[:ID_BYTES].hex(), head[ID_BYTES:], message[HEAD_BYTES:])


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs messages with a private key: 32 bytes that nobody else may know."""

    secret: bytes

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes, which others use to verify this signer's messages."""
        return _private_key(self.secret).public_key().public_bytes_raw()

    def signed(self, body: bytes) -> bytes:
        """Return a message with its head before it. The same body always gives the same bytes."""
        named = key_id(self.public)
        return b"".join((MAGIC, named, self.signature(_to_sign(named, body)), body))

    def signature(self, text: bytes) -> bytes:
        """Return the signature of some bytes, 64 bytes. Only what begins with MAGIC is a message."""
        return _private_key(self.secret).sign(text)


def _to_sign(named: bytes, body: bytes) -> bytes:
    return b"".join((MAGIC, named, body))


@lru_cache(1)
def _private_key(secret: bytes) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(secret)


@lru_cache(_KEYS_KEPT)
def _public_key(public: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    return Ed25519PublicKey.from_public_bytes(public)
