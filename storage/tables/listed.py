"""VMs, the lists that name them by their positions, and tenants' figures, as documents hold them.

Each tenant's name and each value of a dimension stands once. Numbers are texts of arrays (storage.tables.arrays).
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import msgspec

from domain.samples import Dimensions
from domain.summary import Entry, Figures, SummaryVm
from storage.tables.arrays import array_of, bytes_of, doubles_of, planes_of, text_of, text_of_doubles

if TYPE_CHECKING:
    from domain.buckets import Floats

_POSITIONS = "<u4"


class EncodedVms(msgspec.Struct, array_like=True):
    """Names; and VMs: the positions of a VM's tenant and dimensions among the names, and the VM's own name."""

    names: list[str | None]
    vms: list[tuple[int, int, int, int, int, str]]


def encode_vms(vms: Sequence[SummaryVm]) -> EncodedVms:
    """Return VMs as they are stored."""
    names: dict[str | None, int] = {}

    def at(name: str | None) -> int:
        return names.setdefault(name, len(names))

    places: dict[tuple[str, Dimensions], tuple[int, int, int, int, int]] = {}
    found = []
    for tenant, vm, of in vms:
        place = places.get((tenant, of))
        if place is None:
            place = at(tenant), at(of.SiteName), at(of.ResourcePoolName), at(of.Region), at(of.MachineSize)
            places[tenant, of] = place
        found.append((*place, vm))
    return EncodedVms(list(names), found)


def decode_vms(stored: EncodedVms) -> list[SummaryVm]:
    """Return stored VMs. Raises IndexError."""
    tenants = [stored.names[each[0]] or "" for each in stored.vms]
    return list(map(SummaryVm, tenants, names_of(stored), dimensions_of(stored)))


def names_of(stored: EncodedVms) -> list[str]:
    """Return the VMs' own names."""
    return [each[-1] for each in stored.vms]


def dimensions_of(stored: EncodedVms) -> list[Dimensions]:
    """Return the VMs' dimensions. Raises IndexError."""
    places = [each[1:-1] for each in stored.vms]
    known = {of: Dimensions(*(stored.names[at] for at in of)) for of in {*places}}
    return [known[of] for of in places]


class EncodedLists(msgspec.Struct, array_like=True):
    """Lists of VMs: their lengths; each entry once; and of all lists, which entries they have.

    (A VM that is among the worst of all is also among the worst of its region and of its size.)
    """

    lengths: list[int]
    entries: str
    listed: str


def encode_lists(lists: Sequence[Sequence[Entry]]) -> EncodedLists:
    """Return lists of VMs as they are stored."""
    import numpy as np  # noqa: PLC0415

    positions: dict[Entry, int] = {}
    listed = [positions.setdefault(entry, len(positions)) for each in lists for entry in each]
    return EncodedLists(
        list(map(len, lists)), _text(list(positions), 3), text_of(planes_of(np.array(listed, np.int64), _POSITIONS))
    )


def decode_lists(stored: EncodedLists) -> list[list[Entry]]:
    """Return stored lists of VMs. Raises ValueError and IndexError."""
    columns = _columns(stored.entries, 3)
    entries = list(zip(columns[0].astype(int).tolist(), *columns[1:].tolist(), strict=True))
    listed = [entries[at] for at in array_of(bytes_of(stored.listed), _POSITIONS).tolist()]
    if len(listed) != sum(stored.lengths):
        raise ValueError("the lists of VMs have another length than they say")
    return [listed[first:end] for first, end in pairwise(accumulate(stored.lengths, initial=0))]


class EncodedFigures(msgspec.Struct, array_like=True):
    """Tenants, and the figures of each (domain.summary.Figures)."""

    tenants: list[str]
    text: str


def encode_figures(figures: Mapping[str, Figures]) -> EncodedFigures:
    """Return tenants' figures as they are stored."""
    return EncodedFigures(list(figures), _text(list(figures.values()), len(Figures._fields)))


def decode_figures(stored: EncodedFigures) -> dict[str, Figures]:
    """Return stored figures. Raises ValueError."""
    rows = _columns(stored.text, len(Figures._fields)).T.tolist()
    found = (Figures(average, int(count), int(tenants), *others) for average, count, tenants, *others in rows)
    return dict(zip(stored.tenants, found, strict=True))


def _text(rows: "Sequence[Sequence[float]]", columns: int) -> str:
    """Return rows of numbers as a text, one column after the other."""
    import numpy as np  # noqa: PLC0415

    return text_of_doubles(np.array(rows, np.float64).reshape(-1, columns).T)


def _columns(text: str, columns: int) -> "Floats":
    """Return the columns of a text's rows. Raises ValueError."""
    return doubles_of(text).reshape(columns, -1)
