"""Masked names: what stands for a tenant or a VM outside of its own network.

A keyed hash (HMAC-SHA-256, RFC 2104) of the name: the same name and key always give the same masked name, and without
the key nobody can test a guessed name against it. Masking is no encryption; there is no way back but to mask again.
"""

import base64
import hashlib
import hmac
import re
import secrets

_BYTES = 18
_OURS = re.compile(r"[tv]-[A-Za-z0-9_-]{24}")
_FOREIGN = re.compile(r"[A-Za-z0-9+/_-]*[A-Za-z0-9+/]{22}==\d{5,18}")
"""The style of the earlier system's agents: an optional prefix, 16 bytes in base64, a number."""


def mask_tenant(name: str, key: bytes) -> str:
    """Return the masked name of a tenant: URL-safe, 26 characters. A name that is masked already stays as it is.

    Names are compared as Windows compares host names, without case and without blanks around them. Raises ValueError
    for an empty name or key.
    """
    return _mask("t", (name,), key)


def mask_vm(tenant: str, name: str, key: bytes) -> str:
    """Return the masked name of a VM of a tenant, as :func:`mask_tenant` does.

    Two tenants' VMs of one name get different masked names. ``tenant`` may be given masked or not.
    """
    return name if is_masked(name) else _mask("v", (mask_tenant(tenant, key), name), key)


def drawn_tenant() -> str:
    """Return a masked name for a new tenant, made of nothing but chance: 144 random bits."""
    return f"t-{base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode('ascii')}"


def is_masked(name: str) -> bool:
    """Tell whether a name has the form of a masked one: ours, or the earlier system's (``…==637841132085596403``)."""
    return bool(_OURS.fullmatch(name) or _FOREIGN.fullmatch(name))


def _mask(kind: str, names: tuple[str, ...], key: bytes) -> str:
    if is_masked(names[-1]):
        return names[-1]
    if not key:
        raise ValueError("the masking key is empty")
    if not names[-1].strip():
        raise ValueError("an empty name can't be masked")
    text = "\0".join([kind, *[name if is_masked(name) else name.strip().casefold() for name in names]])
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()[:_BYTES]
    return f"{kind}-{base64.urlsafe_b64encode(digest).decode('ascii')}"
