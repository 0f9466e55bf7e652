"""How an endpoint is shown to people and programs: its group in a table of contents, and an example of its use.

Knows the groups, and the names that examples share (they are those of the sample fleet). Knows no endpoint: each one
has its example beside its route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Group = Literal["Questions about data", "What is normal", "What comes", "Operations", "Joining", "The API itself"]

GROUPS: Mapping[Group, str] = {
    "Questions about data": "What was measured: averages, distributions, rankings, changes and samples.",
    "What is normal": "What was learned of each hour of the week, what is far from it now, and why.",
    "What comes": "Forecasts, disks that fill, and when people will log on.",
    "Operations": "For operators: the state of the system, refused input, long operations and enrolment.",
    "Joining": "For a tenant's SPOC: how it joins, and how it pushes.",
    "The API itself": "Who the caller is, whether the app is alive, and this document.",
}
"""What the endpoints of each group answer, in the order in which they are shown."""

CPU = "win_cpu.percent_processor_time"
DISK = "win_disk.percent_free_space"
TENANT = "t-R1buyIPBnkVthqSKfJKLaph-"
VM = "v-Q85NI2wB4sBxn0vqW7cSKtLd"
AT = 1_795_514_400
"""When what examples tell of happened: the Unix second of END."""

START, END = "2026-11-24T09:00:00Z", "2026-11-24T10:00:00Z"
PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
KEY_ID = "56475aa75463474c0285df5dbf2bcab7"
INSTANCE = "rebuild-0123456789abcdef"
CODE = "7ZQ4M-9HXVT-2K6RD-WB8NE-3CJPA1"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that the endpoint accepts, and an answer that it could give.

    The answer is needed where a request changes something, so that nobody tries it only to see the answer. An
    operation that is started has the same answer everywhere.
    """

    asked: Mapping[str, Any] = field(default_factory=dict)
    """Parameters by name; one that may be repeated has a list."""
    answer: Any = None
    """A value of the endpoint's answer type."""


NOTHING = Example()
"""A request without parameters."""
