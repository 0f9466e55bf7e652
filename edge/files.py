"""The agents' files: ``MaskedTenantName_MaskedVMName_TimeStamp.json``, a message of the wire with one VM's samples.

The names are encoded (domain.names.encode_name), since masked ones hold characters that no file name may; the time
stamp is the first second of the period. A file appears whole, by renaming. While its period lasts, what there is of it
stands beside as ``.NAME.part``, from which an agent that was restarted goes on.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from domain import wire
from domain.errors import BadMessage
from domain.names import encode_name
from domain.samples import Sample
from edge.gathering import Identity, samples_by_minute


def write_file(folder: Path, identity: Identity, period: int, samples: Sequence[Sample]) -> Path:
    """Write a period's samples as a file; return its path.

    Where the file is there still (not yet collected), what it holds and these samples do not, is kept. Raises OSError.
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
    """Keep what there is of a period that is not over. Raises OSError."""
    _write(_part(path_of(folder, identity, period)), samples)


def saved_parts(folder: Path, identity: Identity) -> Iterator[Sequence[Sample]]:
    """Yield what was kept of periods by an agent of this identity. One that can't be read is passed over."""
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
