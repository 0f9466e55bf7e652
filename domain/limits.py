"""Limits on how often something may be done: token buckets (RFC 2697 names the idea), one for each key.

Knows the arithmetic. Does not know whose calls are counted, or what a caller is told.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TokenBuckets:
    """Buckets of at most ``burst`` tokens, into which ``rate`` tokens fall a second. Each call takes one.

    At most ``most`` keys are remembered. The bucket of a key that is forgotten is full again.
    """

    rate: float
    burst: float
    most: int = 10_000
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, key: str, now: float) -> float:
        """Take a token of a key and return 0; or return after how many seconds there will be one.

        ``now`` is in seconds, by a clock that never goes back.
        """
        left, since = self._left.pop(key, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.rate)
        taken = left >= 1
        if len(self._left) >= self.most:
            del self._left[next(iter(self._left))]  # the one that was not used for the longest time
        self._left[key] = (left - taken, now)
        return 0.0 if taken else (1 - left) / self.rate
