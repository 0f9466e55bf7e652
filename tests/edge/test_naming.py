"""The file of masked and real names."""

import json
from pathlib import Path

import pytest

from domain.masking import mask_tenant, mask_vm
from edge.agent import main

KEY = "a masking key of some length"
TENANT = mask_tenant("Contoso", KEY.encode())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOT_MASKING_KEY", KEY)


def write(path: Path, *more: str, tenant: str = "Contoso") -> int:
    return main(["--tenant", tenant, "--names", str(path), *more])


def masked(*names: str) -> dict[str, str]:
    return {mask_vm(TENANT, name, KEY.encode()): name for name in names}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_vms_becomes_a_file_that_is_added_to(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "vms.txt").write_text("PC-2\r\n\nPC-1 \nBüro-3\n", encoding=encoding)
    path = tmp_path / "names.json"
    assert write(path, "--vms", str(tmp_path / "vms.txt")) == 0
    assert write(path, "--vm", "PC-4") == 0
    assert write(path, "--vm", "PC-4") == 0
    found = json.loads(path.read_text(encoding="utf8"))
    assert found == {"tenant": TENANT, "name": "Contoso", "vms": masked("PC-1", "PC-2", "Büro-3", "PC-4")}
    assert list(found["vms"].values()) == ["Büro-3", "PC-1", "PC-2", "PC-4"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["names.json", "vms.txt"]


@pytest.mark.parametrize(
    ("content", "said"), [("[]", "is no file of names"), ('{"tenant":"t","name":"n","vms":{}}', "of another tenant")]
)
def test_what_is_no_file_of_this_tenants_names_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    path = tmp_path / "names.json"
    path.write_text(content)
    with pytest.raises(SystemExit):
        write(path)
    assert said in capsys.readouterr().err
    assert path.read_text() == content


def test_bad_options_and_lines_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vms = tmp_path / "vms.txt"
    vms.write_text("PC-1\nPC\x01-2\n")
    for arguments, said in (
        (["--names", "n.json", "--vms", str(vms)], "holds a control character"),
        (["--names", "n.json", "--vms", str(tmp_path / "none.txt")], "none.txt"),
        (["--names", "n.json", "--vms", str(vms), "--vm", "PC"], "give either --vm or --vms"),
        (["--vms", str(vms), "--folder", str(tmp_path)], "--vms wants --names"),
    ):
        with pytest.raises(SystemExit):
            main(["--tenant", "Contoso", *arguments])
        assert said in capsys.readouterr().err
