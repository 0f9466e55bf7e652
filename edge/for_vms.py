"""The folder for all VMs that join writes: the package, the agent's settings, and lines to install them with.

No secret is in it, so that it may lie where every VM reads it. Knows the installer's properties (packages/) and the
agent's settings; does not know which VMs there are.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Drop:
    """Where the VMs deliver: a folder as they reach it, or a container's URL without a SAS."""

    folder: str = ""
    container: str = ""

    @property
    def setting(self) -> tuple[str, str]:
        """The agent's setting for it: name and value."""
        return ("folder", self.folder) if self.folder else ("container", self.container)


def write_for_vms(out: Path, drop: Drop, packages: Sequence[Path], where: str) -> list[str]:
    """Write the folder. ``where`` is the URL of the packages, or empty. Return the files' names. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if package.absolute() != (out / package.name).absolute():
            shutil.copyfile(package, out / package.name)
    msi = next((each.name for each in packages if each.suffix.lower() == ".msi"), "spot-pc.msi")
    deb = next((each.name for each in packages if each.suffix.lower() == ".deb"), "spot-pc.deb")
    missing = "" if packages else f"Put the package here first: {where or 'ask the operator where to get it'}\n\n"
    texts = {
        "agent.toml": _settings(drop),
        "intune.txt": missing + _intune(drop, msi),
        "group-policy.txt": missing + _group_policy(drop, msi),
        "linux.txt": missing + _linux(drop, deb),
    }
    for name, text in texts.items():
        temporary = out / f".{name}.tmp"
        temporary.write_text(text, encoding="utf8")
        temporary.replace(out / name)
    return sorted([*texts, *(package.name for package in packages)])


def toml(settings: dict[str, str]) -> str:
    """Return settings as TOML. A JSON string is a TOML string too."""
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items())


def _settings(drop: Drop) -> str:
    return (
        "# Settings of the agent, for all VMs. No secret is in here. Remove the # before what you want to give.\n"
        + toml(dict([drop.setting]))
        + '# pool = "Finance"\n# site = "London"\n# region = "uksouth"\n# size = "Standard_D4s_v5"\n'
        + '# service = ["WinDefend", "TermService"]\n'
    )


def _properties(drop: Drop) -> str:
    name, value = drop.setting
    sas = "" if drop.folder else ' SAS="..."'
    return f'{name.upper()}="{value}"{sas}'


def _secrets(drop: Drop) -> str:
    if drop.folder:
        about = (
            "Nothing secret is needed: the agents write plain names into your own folder, and the SPOC masks them.\n"
        )
    else:
        about = (
            "The SAS is a secret, and therefore not in this folder. Make one for this container that may only create\n"
            "blobs (permission Create), put it for the ... above, and keep that line where only administrators look.\n"
            "VMs with a managed identity that may write blobs need no SAS: leave SAS out.\n"
        )
    return (
        f"{about}To mask names on the VMs already, also give TENANT (it stands in spoc.toml on the manager machine)\n"
        "and MASKINGKEY (what is in masking.key there; a secret too).\n"
        "What more may be given: POOL, SITE, REGION, SIZE, SERVICES (on Linux in small letters).\n"
    )


def _intune(drop: Drop, msi: str) -> str:
    return f"""Microsoft Intune: Apps, Windows, Add, Line-of-business app
1. App package file: {msi}
2. Command-line arguments:

/qn {_properties(drop)}

3. Assign it to the group of devices.

{_secrets(drop)}"""


def _group_policy(drop: Drop, msi: str) -> str:
    return f"""Group policy: Computer Configuration, Policies, Windows Settings, Scripts, Startup
Copy {msi} to a share that computers may read, and let this run at startup. It does nothing where it is installed.

msiexec /i "\\\\SERVER\\SHARE\\{msi}" /qn {_properties(drop)}

{_secrets(drop)}"""


def _linux(drop: Drop, deb: str) -> str:
    name, value = drop.setting
    sas = "" if drop.folder else " sas='...'"
    return f"""Linux (Debian, Ubuntu), as root, in this folder:

apt install ./{deb}
spot-pc set {name}='{value}'{sas}

{_secrets(drop)}"""
