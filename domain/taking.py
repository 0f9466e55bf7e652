"""Which counters are taken: those that match a pattern that the operator set. Without patterns all are.

Knows patterns and how a VM window is divided. Refuses to know where patterns come from, and what becomes of the rest.
"""

import re
from dataclasses import dataclass, field, replace
from fnmatch import translate

from domain.samples import VmWindow


@dataclass(frozen=True, slots=True)
class Taking:
    """The patterns, as file names have them: ``*`` stands for any characters, ``?`` for one. Case counts."""

    patterns: tuple[str, ...] = ()
    _matches: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make one expression of the patterns."""
        object.__setattr__(self, "_matches", re.compile("|".join(map(translate, self.patterns))))

    def takes(self, key: str) -> bool:
        """Tell whether a counter is taken."""
        return not self.patterns or self._matches.match(key) is not None

    def divided(self, window: VmWindow) -> tuple[VmWindow, int]:
        """Return the window with the counters that are taken, and how many samples of others it had."""
        if not self.patterns:
            return window, 0
        others = [row for key, row in window.series.items() if not self.takes(key)]
        if not others:
            return window, 0
        taken = {key: row for key, row in window.series.items() if self.takes(key)}
        return replace(window, series=taken), sum(value is not None for row in others for value in row)


EVERYTHING = Taking()


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern, or None."""
    if not re.fullmatch(r"[!-~]+", pattern):
        return f"{pattern!r} has a blank, or a character that is not in ASCII"
    if "." not in pattern and "*" not in pattern:
        return f"{pattern!r} matches no counter: a counter is PerfType.PerfName, for example win_cpu.*"
    return None
