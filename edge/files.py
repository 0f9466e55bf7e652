"""The agents' files: ``MaskedTenantName_MaskedVMName_TimeStamp.json``, in the wire format, with one VM's samples.

The names are encoded (domain.names.encode_name), since masked names hold characters that file names can't. The time
stamp is the first second of the period. A file is renamed when it is complete, so readers never see a part of it.
Until its period ends, ``.NAME.part`` holds the samples so far. A restarted agent continues from it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from domain import wire
from domain.errors import BadMessage
from domain.names import encode_name
from domain.samples import Sample
from edge.gathering import Identity, samples_by_minute


def write_file(folder: Path, identity: Identity, period: int, samples: Sequence[Sample]) -> Path:
    """Write a period's samples to its file. Return the path.

    If the file still exists (because it was not collected yet), its other samples are kept. Raises OSError.
    """
    path = path_of(folder, identity, period)
    try:
        earlier = wire.decode(path.read_bytes()).samples
    except (OSError, BadMessage):
        earlier = ()
    kept = samples_by_minute(earlier) | samples_by_minute(samples)
    _write(path, [kept[key] for key in sorted(kept)])
    _part(path).unlink(missing_ok=True)
    return path


def save_part(folder: Path, identity: Identity, period: int, samples: Sequence[Sample]) -> None:
    """Save the samples so far of a period that has not ended. Raises OSError."""
    _write(_part(path_of(folder, identity, period)), samples)


def saved_parts(folder: Path, identity: Identity) -> Iterator[Sequence[Sample]]:
    """Yield the saved samples of this identity, by period. Files that can't be read are skipped."""
    for path in sorted(folder.glob(f".{_stem(identity)}_*.json.part")):
        try:
            yield wire.decode(path.read_bytes()).samples
        except (OSError, BadMessage):
            continue


def _stem(identity: Identity) -> str:
    return f"{encode_name(identity.tenant)}_{encode_name(identity.vm)}"


def path_of(folder: Path, identity: Identity, period: int) -> Path:
    """Return the path of a period's file."""
    return folder / f"{_stem(identity)}_{period}.json"


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _write(path: Path, samples: Sequence[Sample]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name.removeprefix('.')}.tmp")
    temporary.write_bytes(wire.encode_samples(samples))
    temporary.replace(path)
