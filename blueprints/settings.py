"""The app's settings: one typed object. It is read only from the environment, when the object is built.

The object does not contain the setting for sign-in. That is read when the app is loaded, even if other settings are
malformed, because it decides for which functions the Functions host asks for keys.

Trigger attributes also name settings that the Functions host resolves itself: ``QUEUE_NAME``, the connection
``ServiceBusConnection``, and one more, ``AVERAGING_SCHEDULE`` (NCRONTAB).
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from domain.counters import Reduction
from domain.disclosure import MIN_TENANTS
from domain.errors import Misconfigured
from domain.taking import pattern_problem
from pipeline.rules import Rules
from storage.schema import STANDINGS_DAYS

DATABASE = "spot-pc-insights"


def _parsed(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    patterns = [each.strip() for each in value.split(",") if each.strip()]
    if problems := [problem for each in patterns if (problem := pattern_problem(each))]:
        raise ValueError("; ".join(problems))
    return patterns


def _origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    origins = [each.strip() for each in value.split(",") if each.strip()]
    for each in origins:
        if not _ORIGIN.fullmatch(each):
            raise ValueError(f"{each!r} is no origin like https://portal.example.com (http only for this machine)")
    return origins


_ORIGIN = re.compile(r"(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?")


class Settings(BaseSettings):
    """The settings. Each setting's name is the name of its field in capitals."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    sqlite_path: Annotated[
        Path | None, Field(description="The SQLite file of the embedded store; made if it is not there.")
    ] = None
    cosmos_endpoint: Annotated[
        str | None,
        Field(pattern="^https?://", validate_default=True, description="The Cosmos DB account's address."),
    ] = None
    cosmos_database: Annotated[str, Field(min_length=1, description="The database in that account.")] = DATABASE
    cosmos_key: Annotated[
        SecretStr | None, Field(description="The account's key: for emulators. Without it, identity is used.")
    ] = None
    queue_name: Annotated[str, Field(min_length=1, description="The queue's name.")] = "samples"
    queue_connection: Annotated[
        SecretStr | None,
        Field(validation_alias="ServiceBusConnection", description="The connection string of the queue's namespace."),
    ] = None
    queue_namespace: Annotated[
        str | None,
        Field(
            validation_alias="ServiceBusConnection__fullyQualifiedNamespace",
            description="Instead of a connection string: the namespace, which is reached by identity.",
        ),
    ] = None
    queue_folder: Annotated[Path | None, Field(description="The local host's queue: a folder.")] = None
    packages_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/]+",
            description="Where customers get the package with agent and SPOC. Operators and those who join see it.",
        ),
    ] = None
    insights_connection: Annotated[
        SecretStr | None,
        Field(
            validation_alias="APPLICATIONINSIGHTS_CONNECTION_STRING",
            description="Where figures are sent; the Functions host sends its logs there as well.",
        ),
    ] = None
    insights_authentication: Annotated[
        str | None,
        Field(
            validation_alias="APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
            description="Which identity sends them: ClientId=…;Authorization=AAD. Not given: no identity is asked for.",
        ),
    ] = None
    samples_retention_days: Annotated[
        int, Field(ge=1, le=3650, description="How long samples and rollups are kept; older samples are refused.")
    ] = 30
    standings_retention_days: Annotated[
        int,
        Field(ge=1, le=3650, description="How long VMs' figures of windows, and summaries of them, are kept."),
    ] = STANDINGS_DAYS
    report_retention_days: Annotated[int, Field(ge=1, le=3650, description="How long report rows are kept.")] = 400
    allowed_lateness_minutes: Annotated[
        int,
        Field(ge=0, le=1440, description="How many minutes after its end a window (15 minutes) closes and is final."),
    ] = 20
    ingest_patience_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=200,
            description="How long an ingest that fails goes on trying before it gives its messages back to the queue.",
        ),
    ] = 200
    averaging_budget_seconds: Annotated[
        int, Field(ge=1, le=500, description="For how long one run of averaging begins new windows, newest first.")
    ] = 240
    summaries: Annotated[
        Literal["twice", "at once"],
        Field(
            description="When the VMs of the fleet are ranked and grouped: twice a window, when 90 % of the "
            "expected VMs have come and when it closes; or at once, in every run, where the store is free."
        ),
    ] = "twice"
    remote_write_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/]+",
            description="Where every final minute of the fleet is sent by Prometheus remote write. Not given: nowhere.",
        ),
    ] = None
    remote_write_token: Annotated[SecretStr | None, Field(description="The bearer token that it is sent with.")] = None
    enrolment: Annotated[
        Literal["open", "required"],
        Field(
            description="Whose samples are taken: open, everybody's but for enrolled tenants' that are not signed by "
            "them; required, only enrolled tenants', signed."
        ),
    ] = "open"
    reductions: Annotated[
        dict[str, Reduction],
        NoDecode,  # the validator parses it, so that bad JSON is reported with the other problems
        BeforeValidator(_parsed),
        Field(description='JSON: by counter, avg, sum, min or max, for example {"win_cpu.x": "max"}.'),
    ] = {}
    counters: Annotated[
        tuple[str, ...] | None,
        NoDecode,
        BeforeValidator(_listed),
        Field(
            description="Patterns, separated by commas: which counters are taken, for example win_cpu.*,win_mem.*. "
            "Others are counted and not stored. Not given: all are taken."
        ),
    ] = None
    allowed_origins: Annotated[
        tuple[str, ...] | None,
        NoDecode,
        BeforeValidator(_origins),
        Field(
            description="The provider's own portal: origins whose pages may read, without cookies, and frame a view."
        ),
    ] = None
    role_directory: Annotated[
        str | None,
        Field(
            description="The id of the directory whose administrators may make operators and machines. Not given: "
            "there are none."
        ),
    ] = None
    tenant_claim: Annotated[
        str, Field(min_length=1, description="The type of the claim that names a caller's tenant.")
    ] = "http://schemas.microsoft.com/identity/claims/tenantid"
    tenant_ids: Annotated[
        dict[str, str],
        NoDecode,
        BeforeValidator(_parsed),
        Field(
            description="JSON: by value of that claim, whatever its case, the tenant's masked name. What tenants' "
            "enrolments say of directories wins."
        ),
    ] = {}
    min_tenants: Annotated[
        int,
        Field(ge=1, description="How many other enrolled tenants a fleet average shown to a tenant must be made of."),
    ] = MIN_TENANTS

    @property
    def standings_days(self) -> int:
        """How long standings are kept: never shorter than the samples, from which late data would make them anew."""
        return max(self.standings_retention_days, self.samples_retention_days + 1)

    @property
    def rules(self) -> Rules:
        """The rules for averaging."""
        return Rules(self.min_tenants, self.reductions, self.summaries == "at once", self.standings_days)

    @field_validator("remote_write_token")
    @classmethod
    def _one_word(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not re.fullmatch(r"[!-~]+", token.get_secret_value()):
            raise ValueError("must be printable ASCII characters without blanks")
        return token

    @field_validator("tenant_ids")
    @classmethod
    def _without_case(cls, listed: dict[str, str]) -> dict[str, str]:
        lower = {value.lower(): tenant for value, tenant in listed.items()}
        if len(lower) < len(listed):
            raise ValueError("names a value twice, in other cases")
        return lower

    @field_validator("cosmos_endpoint")
    @classmethod
    def _one_store(cls, endpoint: str | None, others: ValidationInfo) -> str | None:
        if (endpoint is None) == (others.data.get("sqlite_path") is None):
            raise ValueError("give either this or SQLITE_PATH, which say where the store is")
        return endpoint


def load() -> Settings:
    """Read the settings. Raises Misconfigured, which names every missing or malformed setting."""
    try:
        return Settings()
    except ValidationError as error:
        problems = [
            f"{str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
            if each["loc"]
        ]
        message = "settings are missing or malformed: " + "; ".join(problems or [str(error)])
        raise Misconfigured(message) from error


@cache
def allowed_origins() -> tuple[str, ...]:
    """Return the origins of this process's settings, read once; none if the settings are malformed."""
    try:
        return load().allowed_origins or ()
    except Misconfigured:
        return ()


PLATFORM_AUTHENTICATION = "PLATFORM_AUTHENTICATION"
"""This setting says that App Service Authentication stands in front of the app. Its principal identifies callers."""

PLATFORM_IS_ON = "WEBSITE_AUTH_ENABLED"
"""The platform itself sets this if it does. Nobody else may set it: the app would then believe any sent principal."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whether callers sign in. If ``on``, no key is needed, and the app itself refuses callers who are not signed in.

    ``problem``: why the app can't believe any caller and refuses everybody. None if there is no problem.
    """

    on: bool
    problem: str | None = None


def sign_in_of(environment: Mapping[str, str]) -> SignIn:
    """Return the sign-in settings of an environment. Sign-in is off only if the setting is off or missing."""
    said = {
        name.upper(): value.strip().lower()
        for name, value in environment.items()
        if name.upper() in (PLATFORM_AUTHENTICATION, PLATFORM_IS_ON)
    }
    wanted = said.get(PLATFORM_AUTHENTICATION, "")
    if wanted in ("", "false", "0"):
        return SignIn(on=False)
    if wanted not in ("true", "1"):
        return SignIn(on=True, problem=f"{PLATFORM_AUTHENTICATION} must be true or false")
    if said.get(PLATFORM_IS_ON, "") not in ("true", "1"):
        return SignIn(
            on=True,
            problem=f"{PLATFORM_AUTHENTICATION} is on, and App Service Authentication is not (its {PLATFORM_IS_ON} is "
            "not true): switch it on for this app, or the setting off",
        )
    return SignIn(on=True)


@cache
def sign_in() -> SignIn:
    """Return this process's sign-in settings, as read from the environment when the app was loaded (first call)."""
    return sign_in_of(os.environ)
