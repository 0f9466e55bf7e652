"""The agents' files: ``VM_TimeStamp.json``, or ``MaskedTenantName_MaskedVMName_TimeStamp.json``, with one VM's samples.

Names are encoded (domain.names.encode_name), since they hold characters that file names can't. The time stamp is the
first second of the period. A file is renamed when it is complete, so readers never see a part of it. Until its period
ends, ``.NAME.part`` holds the samples so far: what a killed agent leaves of it becomes a file at the next start. The
content is that of domain.agent_file.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from domain import wire
from domain.agent_file import FileHead, decode_file, encode_file
from domain.errors import BadMessage
from domain.names import encode_name
from domain.samples import Sample
from edge.gathering import Identity, samples_by_minute

LONGEST_NAMES = 180
"""File systems take 255 characters. Two masked names have 61."""


def write_file(
    folder: Path, identity: Identity, period: int, samples: Sequence[Sample], head: FileHead | None = None
) -> Path:
    """Write a period's samples to its file. Return the path.

    If the file still exists (because it was not delivered or collected yet), its other samples are kept. Without a
    head it is a message of the wire format, and the names must be masked. Raises OSError.
    """
    path = path_of(folder, identity, period)
    _write(path, _encoded(identity, _merged(path, samples), head))
    _part(path).unlink(missing_ok=True)
    return path


def save_part(
    folder: Path, identity: Identity, period: int, samples: Sequence[Sample], head: FileHead | None = None
) -> None:
    """Save the samples so far of a period that has not ended. Raises OSError."""
    _write(_part(path_of(folder, identity, period)), _encoded(identity, samples, head))


def recover_parts(folder: Path) -> list[Path]:
    """Make files of what an earlier run saved of periods that it could not end. Return their paths. Raises OSError.

    They say who wrote the parts, and when. A part that can't be read is removed: the machine lost its power while it
    was written.
    """
    recovered = []
    for part in sorted(folder.glob(".*.json.part")):
        path = part.with_name(part.name[1 : -len(".part")])
        body = part.read_bytes()
        try:
            found = decode_file(body)
        except BadMessage:
            part.unlink()
            continue
        if path.exists():
            samples = _merged(path, found.samples)
            body = encode_file(found.head, samples, plain=found.plain) if found.head else wire.encode_samples(samples)
        _write(path, body)
        part.unlink()
        recovered.append(path)
    return recovered


def path_of(folder: Path, identity: Identity, period: int) -> Path:
    """Return the path of a period's file. The end of very long names is replaced by a hash of them."""
    names = "_".join(encode_name(name) for name in (identity.tenant, identity.vm) if name)
    if names.startswith("."):  # hidden files are parts, and are not collected
        names = f"~2E{names[1:]}"
    if len(names) > LONGEST_NAMES:
        names = f"{names[:LONGEST_NAMES]}-{hashlib.sha256(names.encode()).hexdigest()[:16]}"
    return folder / f"{names}_{period}.json"


def _encoded(identity: Identity, samples: Sequence[Sample], head: FileHead | None) -> bytes:
    return wire.encode_samples(samples) if head is None else encode_file(head, samples, plain=identity.plain)


def _merged(path: Path, samples: Sequence[Sample]) -> list[Sample]:
    try:
        earlier = decode_file(path.read_bytes()).samples
    except (OSError, BadMessage):
        earlier = ()
    kept = samples_by_minute(earlier) | samples_by_minute(samples)
    return [kept[key] for key in sorted(kept)]


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name.removeprefix('.')}.tmp")
    temporary.write_bytes(body)
    temporary.replace(path)
