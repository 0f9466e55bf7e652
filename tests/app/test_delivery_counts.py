"""The local queue's counts of deliveries: of a message that somebody else took away nothing is left."""

from pathlib import Path

import pytest

from local.queue import FolderQueue


@pytest.mark.parametrize("restarted", [False, True])
def test_a_message_has_not_failed_because_another_of_its_name_had(tmp_path: Path, *, restarted: bool) -> None:
    queue = FolderQueue(tmp_path)
    (tmp_path / "m").write_bytes(b"the first")
    (tmp_path / "other").write_bytes(b"stays")
    for _ in range(5):
        queue.abandon(queue.take(2)[0])
    (tmp_path / "m").unlink()
    if restarted:
        queue = FolderQueue(tmp_path)
    assert [(each.path.name, each.count) for each in queue.take(2)[0]] == [("other", 6)]
    (tmp_path / "m").write_bytes(b"the second")
    assert {each.path.name: each.count for each in queue.take(2)[0]} == {"m": 1, "other": 6}
    (tmp_path / "other").unlink()
    queue.take(2)
    assert not (tmp_path / ".deliveries.json").exists()
