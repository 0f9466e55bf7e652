"""``python -m packages [msi] [deb]``: makes the packages in dist/, or those that are named, and tells their sizes."""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from packages import ROOT, NotMade, deb, msi

MAKERS: dict[str, Callable[[Path, Path], Path]] = {"msi": msi.make, "deb": deb.make}


def main(arguments: Sequence[str]) -> int:
    """Make packages. Return 1 if one can't be made, and 2 if one is unknown."""
    if unknown := set(arguments) - set(MAKERS):
        print(f"there is no package {', '.join(sorted(unknown))}; there are: {', '.join(MAKERS)}", file=sys.stderr)
        return 2
    into = ROOT / "dist"
    into.mkdir(exist_ok=True)
    failed = False
    for name in arguments or MAKERS:
        since = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                made = MAKERS[name](into, Path(scratch) / name)
        except NotMade as why:
            print(f"{name}: {why}", file=sys.stderr)
            failed = True
            continue
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        size = made.stat().st_size / 1e6
        print(
            f"{made.relative_to(ROOT)}: {size:.1f} MB, {time.monotonic() - since:.0f} s, SHA-256 {digest}", flush=True
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
