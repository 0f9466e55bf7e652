"""``make fuzz`` (``MINUTES=60``): Atheris looks for bytes that break what checks.py says, led by the code's coverage.

It goes on from the corpus that is kept; afterwards the corpus is what covers the same with the fewest bytes. Bytes that
break something are written to ``crash-…`` here, and named.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
LONGEST = 4096
"""Bytes of an input: room for a dozen samples."""


def search(arguments: list[str]) -> None:
    """Run libFuzzer in this process, which does not return."""
    with atheris.instrument_imports(include=["domain", "pipeline", "json"]):
        from tests.fuzz.checks import check  # noqa: PLC0415
    atheris.Setup([f"{sys.executable} -m tests.fuzz", *arguments], check)  # by which it starts itself again, to merge
    atheris.Fuzz()


def main() -> None:
    """Search, then merge what was found into the corpus."""
    if sys.argv[1:]:
        search(sys.argv[1:])
    minutes = os.environ.get("MINUTES") or "60"
    if not minutes.isdecimal() or not int(minutes):
        sys.exit(f"MINUTES={minutes} is no number of minutes")
    CORPUS.mkdir(exist_ok=True)
    common = [
        f"-artifact_prefix={HERE}/",
        f"-dict={HERE / 'words.dict'}",
        f"-max_len={LONGEST}",
        "-print_final_stats=1",
    ]
    itself = [sys.executable, "-m", "tests.fuzz"]
    with tempfile.TemporaryDirectory() as found:
        searched = subprocess.run(
            [*itself, found, str(CORPUS), f"-max_total_time={60 * int(minutes)}", *common], check=False
        )
        with tempfile.TemporaryDirectory() as least:
            subprocess.run([*itself, "-merge=1", least, str(CORPUS), found, *common], check=True)
            kept = {new.name: new.read_bytes() for new in Path(least).iterdir()}
    if not kept:
        sys.exit("nothing came of merging the corpus, so it stays as it was")
    for old in CORPUS.iterdir():
        old.unlink()
    for name, body in kept.items():
        (CORPUS / name).write_bytes(body)
    print(f"{len(kept)} inputs in {CORPUS}")  # noqa: T201  (a program for people)
    sys.exit(searched.returncode)


if __name__ == "__main__":
    main()
