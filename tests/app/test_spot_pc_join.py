"""The whole way on this machine: an operator's code, spot-pc join, the SPOC, the app, samples under masked names."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from domain.agent_file import FileHead, encode_file
from domain.masking import mask_vm
from domain.minutes import WINDOW
from edge import joining, services, spoc
from edge.texts import read_secret
from tests.app.conftest import Local, wait_for
from tests.builders import a_sample

SINCE = int(time.time()) // WINDOW * WINDOW - WINDOW


def asked(host: Local, path: str, **body: Any) -> Any:
    headers = {**host.operator, "Content-Type": "application/json"}
    status, answer, _ = host.get(f"/v1/admin/tenants{path}", "POST", headers, json.dumps(body).encode())
    assert status == 200, answer
    return answer


def state_of(host: Local, tenant: str) -> str:
    listed = host.get("/v1/admin/tenants", headers=host.operator)[1]["data"]
    (state,) = [each["state"] for each in listed if each["tenant"] == tenant]
    return str(state)


def a_file(vm: str, machine: str) -> bytes:
    head = FileHead(machine * 32, "boot", int(time.time()), "1.0.0")
    times = range(SINCE + 30, SINCE + WINDOW, 60)
    return encode_file(
        head, [a_sample(timestamp=at, MaskedTenantId="", MaskedVMName=vm, PerfValue=7) for at in times], plain=True
    )


def test_a_customer_joins(
    shared_local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = shared_local
    monkeypatch.setenv("SPOT_PC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(services, "enable_spoc", lambda: "the service runs")
    drop = tmp_path / "drop"
    drop.mkdir()
    entered = asked(host, "", label="Contoso", contact="Zoë")
    tenant = entered["tenant"]
    assert joining.main([entered["code"], "--app", f"http://127.0.0.1:{host.port}", "--folder", str(drop)]) == 0
    assert tenant in capsys.readouterr().out
    for machine in "ab":
        (drop / f"{machine}.json").write_bytes(a_file("PC-001", machine))
    assert spoc.main(["--once"]) == 1
    assert "awaits confirmation" in capsys.readouterr().err
    assert state_of(host, tenant) == "awaits confirmation"
    (key,) = [each["id"] for each in asked(host, "", tenant=tenant, label="Contoso")["keys"]]
    asked(host, "/confirm", tenant=tenant, key=key)
    assert spoc.main(["--once"]) == 0
    assert spoc.main(["--check"]) == 0
    vm = mask_vm(tenant, "PC-001", read_secret(tmp_path / "home" / "settings" / "masking.key"))

    def values() -> Any:
        path = f"/v1/samples?tenant={tenant}&vm={vm}&start={SINCE}&end={SINCE + WINDOW}"
        status, answer, _ = host.get(path, headers=host.operator)
        return status == 200 and [row["PerfValue"] for row in answer["data"]]

    wait_for(lambda: values() == [7.0] * 15, "the samples")
    wait_for(lambda: state_of(host, tenant) == "1 VM sending (1 name twice, 1 file refused)", "the heartbeat")
    assert host.get("/v1/status", headers=host.operator)[1]["quarantinedToday"] == 0
    asked(host, "/revoke", tenant=tenant, key=key)
    (drop / "c.json").write_bytes(a_file("PC-002", "c"))
    assert spoc.main(["--once"]) == 1
    assert "or it is revoked" in capsys.readouterr().err
