"""The two services that packages install, to this machine's service manager: enable, disable, and tell the state.

Knows the services' names, Windows' service manager and systemd. Does not know what the services do. Where packages have
installed no service, or no service manager runs, everything says so and changes nothing.

Windows' part runs under Wine here. systemd's was not tried: no systemd runs where this is made.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    from edge import windows_services


@dataclass(frozen=True)
class Service:
    """A service by its names: for people, for Windows, for systemd."""

    title: str
    windows: str
    systemd: str


AGENT = Service("the agent", "SpotPCAgent", "spot-pc-agent.service")
SPOC = Service("the SPOC", "SpotPCSpoc", "spot-pc-spoc.service")


class NotDone(Exception):
    """The service manager has not done it. The message says why, and what to do."""


def enable_spoc() -> str:
    """Let the SPOC start with the machine, and start it now. Return a sentence about it, also where it failed."""
    try:
        enable(SPOC)
    except NotDone as why:
        return str(why)
    return "the SPOC's service runs, and starts with the machine"


def enable(service: Service) -> None:
    """Let a service start with the machine, and start it now, anew if it runs. Raises NotDone."""
    if sys.platform == "win32":
        try:
            windows_services.enable(service.windows)
        except OSError as error:
            raise NotDone(_refused(service, "started", str(error))) from error
    else:
        _systemctl(service, "started", "enable", service.systemd)
        _systemctl(service, "started", "restart", service.systemd)


def disable(service: Service) -> None:
    """Stop a service, and let it not start with the machine. Raises NotDone."""
    if sys.platform == "win32":
        try:
            windows_services.disable(service.windows)
        except OSError as error:
            raise NotDone(_refused(service, "stopped", str(error))) from error
    else:
        _systemctl(service, "stopped", "disable", "--now", service.systemd)


def state(service: Service) -> str:
    """Return what the service manager says of a service: ``running``, ``stopped``, or why there is no answer."""
    if sys.platform == "win32":
        try:
            return windows_services.state(service.windows)
        except OSError as error:
            return f"no service ({error})"
    if why := _no_systemd():
        return f"no service ({why})"
    said = subprocess.run(["systemctl", "is-active", service.systemd], capture_output=True, text=True, check=False)
    return {"active": "running", "inactive": "stopped"}.get(said.stdout.strip(), said.stdout.strip() or "unknown")


def _refused(service: Service, done: str, why: str) -> str:
    return (
        f"the service of {service.title} could not be {done}: {why}. Do it as an administrator; "
        f"without the package, run `spot-pc {'spoc' if service is SPOC else 'agent'}` as you run other services"
    )


def _no_systemd() -> str:
    return "" if Path("/run/systemd/system").is_dir() else "systemd does not run here"


def _systemctl(service: Service, done: str, *arguments: str) -> None:
    if why := _no_systemd():
        raise NotDone(_refused(service, done, why))
    said = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if said.returncode:
        raise NotDone(_refused(service, done, said.stderr.strip() or f"systemctl ended with {said.returncode}"))
