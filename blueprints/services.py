"""The services that the functions share: settings, tables, dead letters, clock. Built once per process, when needed."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blueprints import telemetry
from blueprints.settings import Settings, load
from domain.access import Caller
from domain.closing import Times
from domain.limits import TokenBuckets
from domain.samples import Horizon
from domain.taking import Taking
from messaging.dead_letters import DeadLetters, FolderDeadLetters, NoDeadLetters, ServiceBusDeadLetters
from messaging.queue import FolderQueue, NoQueue, Queue, ServiceBusQueue
from messaging.remote_write import HttpReceiver, Receiver
from pipeline.operations import OperationContext
from pipeline.pushing import A_SECOND, AT_ONCE
from pipeline.queries.status import Pulse
from pipeline.queries.view import View
from pipeline.trust import Trust
from storage.schema import DAY, lifetime_of_samples, schema
from storage.tables import Tables

if TYPE_CHECKING:
    from storage.documents import Documents


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a function needs besides its input."""

    settings: Settings
    tables: Tables
    dead_letters: DeadLetters
    queue: Queue = field(default_factory=NoQueue)
    pulse: Pulse = field(default_factory=Pulse)
    pushes: TokenBuckets = field(default_factory=lambda: TokenBuckets(A_SECOND, AT_ONCE))
    """What each key may still push to this instance."""
    joins: TokenBuckets = field(default_factory=lambda: TokenBuckets(1, 1))
    """Whether a code may be looked up now."""

    @property
    def receiver(self) -> Receiver | None:
        """The receiver of the fleet's minutes by remote write, or None if the settings name none."""
        if self.settings.remote_write_url is None:
            return None
        token = self.settings.remote_write_token
        return HttpReceiver(self.settings.remote_write_url, token.get_secret_value() if token else None)

    @property
    def store(self) -> str:
        """The name of the store: its database, or its file's name."""
        return self.settings.sqlite_path.name if self.settings.sqlite_path else self.settings.cosmos_database

    @property
    def now(self) -> int:
        """The time, in Unix seconds."""
        return int(time.time())

    def view(self, caller: Caller) -> View:
        """Return what the answer depends on besides the query: the caller and the time."""
        return View(caller, self.now, self.settings.rules.reductions)

    @property
    def times(self) -> Times:
        """The times that decide about windows now."""
        kept = lifetime_of_samples(self.settings.samples_retention_days)
        return Times(self.now, self.settings.allowed_lateness_minutes * 60, kept)

    async def horizon(self) -> Horizon:
        """Return the timestamps that are accepted now. Raises Unavailable."""
        stored = await self.tables.progress.read()
        whole_from = stored.value.whole_from if stored else 0
        return Horizon.at(self.now, self.settings.samples_retention_days * DAY, whole_from)

    async def trust(self) -> Trust:
        """Return the rules that decide whose samples are accepted. Raises Unavailable."""
        return Trust(await self.tables.enrolments.register(), self.settings.enrolment == "required")

    async def context(self, started: int, budget: float) -> OperationContext:
        """Return the context for steps of an operation. ``started`` is the second at which the operation was started.

        ``budget`` is the number of seconds after which a step should stop. Raises Unavailable.
        """
        end = time.monotonic() + budget
        return OperationContext(
            self.tables,
            self.dead_letters,
            await self.horizon(),
            self.settings.rules,
            started,
            self.times,
            lambda: time.monotonic() < end,
            await self.trust(),
            Taking(self.settings.counters or ()),
        )


def build(settings: Settings) -> Services:
    """Connect the tables to the store that the settings name. Raises Unavailable.

    Only the chosen adapter is imported, so that cold starts are short.
    """
    tables = schema(settings.samples_retention_days, settings.report_retention_days, settings.standings_days)
    if settings.sqlite_path is not None:
        from storage.sqlite import SqliteDocuments  # noqa: PLC0415

        return _services_of(settings, SqliteDocuments(settings.sqlite_path, tables))
    from storage.cosmos import CosmosDocuments  # noqa: PLC0415
    from storage.cosmos_client import Account  # noqa: PLC0415

    logging.getLogger("azure").setLevel(
        logging.WARNING
    )  # else each request to the store logs a line, which costs money
    key = settings.cosmos_key.get_secret_value() if settings.cosmos_key else None
    account = Account(str(settings.cosmos_endpoint), settings.cosmos_database, key)
    return _services_of(settings, CosmosDocuments(account, tables))


def _services_of(settings: Settings, documents: "Documents") -> Services:
    return Services(settings, Tables(documents), _dead_letters(settings), _queue(settings))


def _dead_letters(settings: Settings) -> DeadLetters:
    if settings.queue_connection or settings.queue_namespace:
        key = settings.queue_connection.get_secret_value() if settings.queue_connection else None
        return ServiceBusDeadLetters(settings.queue_name, key, settings.queue_namespace)
    return FolderDeadLetters(settings.queue_folder) if settings.queue_folder else NoDeadLetters()


def _queue(settings: Settings) -> Queue:
    if settings.queue_connection or settings.queue_namespace:
        key = settings.queue_connection.get_secret_value() if settings.queue_connection else None
        return ServiceBusQueue(settings.queue_name, key, settings.queue_namespace)
    return FolderQueue(settings.queue_folder) if settings.queue_folder else NoQueue()


_lock = threading.Lock()
_services: Services | None = None


def services() -> Services:
    """Return the services of this process. Raises Misconfigured or Unavailable; then the next call tries again."""
    global _services  # noqa: PLW0603  (one per process, created when first needed)
    with _lock:
        if _services is None:
            settings = load()
            _services = build(settings)
            telemetry.export(settings)
        return _services


async def close() -> None:
    """Close the store of a process that shuts down, such as the local host. Azure never calls this."""
    global _services
    with _lock:
        ended, _services = _services, None
    if ended is not None:
        await ended.queue.close()
        await ended.tables.documents.close()
