"""The app's telemetry: the format of log lines, and metrics by OpenTelemetry.

A log line is a few words and then ``name=value`` pairs (logfmt), so that a query can parse it. Metrics go to
Application Insights as customMetrics if a setting names it; without it they cost nothing. They are sent each minute and
after work: Azure ends an instance after about 30 s without work, and Python gets no notice of it
(azure-functions-python-worker 1521).
"""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Collection
from typing import Any

from opentelemetry import metrics

from blueprints.settings import Settings

log = logging.getLogger(__name__)

MOST_NAMED = 10
"""The most items of a list in a log line; the line counts the others. Logs are paid for by size."""

FLUSH_AFTER = 30
"""The fewest seconds between two flushes. Metrics younger than this may be lost when an instance ends."""

FLUSH_SECONDS = 5
"""The longest time that work waits for its metrics to be sent. Then it continues without them."""

_PLAIN = re.compile(r"[^\s\"=]+")
_meter = metrics.get_meter("spot-pc-insights")

SAMPLES = _meter.create_counter("spot.samples", "{sample}", "Samples that were accepted")
REFUSED = _meter.create_counter("spot.refused", "{input}", "Inputs that went into quarantine")
ROWS = _meter.create_counter("spot.rows", "{row}", "Report rows that were written")
CHARGE = _meter.create_counter("spot.charge", "{RU}", "Request units that the store charged, by function")
AGE = _meter.create_gauge("spot.report.age", "s", "From the report's newest minute to now")
LEFT = _meter.create_gauge("spot.marks.left", "{mark}", "Tenants' windows that averaging had no time for")


def line(what: str, **fields: Any) -> str:
    """Return a single log line. Values with blanks are quoted as in JSON. Of a list, the first few items are named.

    Unprintable characters are escaped, so a value from outside can't end the line or send codes to a terminal.
    """
    return " ".join([what, *(f"{name}={_value(value)}" for name, value in fields.items())])


def _value(value: Any) -> str:
    if isinstance(value, Collection) and not isinstance(value, str):
        named = ",".join(str(each) for each in list(value)[:MOST_NAMED])
        value = named + (f",+{len(value) - MOST_NAMED}" if len(value) > MOST_NAMED else "")
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text)


class _Sending:
    """The state of sending: the provider (None if metrics are off), and the last time by the monotonic clock."""

    provider: Any = None
    last = float("-inf")
    lock = threading.Lock()


async def flush() -> None:
    """Send the waiting metrics after work, at most every FLUSH_AFTER seconds and for at most FLUSH_SECONDS."""
    if _Sending.provider is None or time.monotonic() - _Sending.last < FLUSH_AFTER:
        return
    _Sending.last = time.monotonic()
    try:
        await asyncio.wait_for(asyncio.to_thread(_flush), FLUSH_SECONDS)
    except TimeoutError:
        log.warning("metrics can't be sent in %s s; work continues", FLUSH_SECONDS)


def _flush() -> None:
    if not _Sending.lock.acquire(blocking=False):  # the last flush is still running
        return
    try:
        _Sending.provider.force_flush()
    except Exception as error:  # noqa: BLE001  (the package raises nothing narrower)
        log.warning("metrics can't be sent: %s", error)
    finally:
        _Sending.lock.release()


def export(settings: Settings) -> None:
    """Begin to send metrics to Application Insights, if the settings name it."""
    if settings.insights_connection is None:
        return
    from opentelemetry.sdk.metrics import Counter, MeterProvider  # noqa: PLC0415  (loaded when needed)
    from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415
        AggregationTemporality,
        MetricExporter,
        MetricExportResult,
        MetricsData,
        PeriodicExportingMetricReader,
    )

    class Later(MetricExporter):
        """Loads the exporter when it is first needed, after work and in another thread, since loading is slow."""

        real: MetricExporter | None = None

        def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **more: Any) -> MetricExportResult:
            _Sending.last = time.monotonic()
            try:
                self.real = self.real or _exporter(settings)
            except ValueError as error:
                log.warning("no metrics are sent: APPLICATIONINSIGHTS_CONNECTION_STRING can't be used: %s", error)
                return MetricExportResult.FAILURE
            return self.real.export(metrics_data, timeout_millis, **more)

        def force_flush(self, timeout_millis: float = 10_000) -> bool:
            return self.real is None or self.real.force_flush(timeout_millis)

        def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
            if self.real is not None:
                self.real.shutdown(timeout_millis, **more)

    # Application Insights needs the difference since the last export.
    later = Later(preferred_temporality={Counter: AggregationTemporality.DELTA})
    _Sending.provider = MeterProvider([PeriodicExportingMetricReader(later)])
    metrics.set_meter_provider(_Sending.provider)


def _exporter(settings: Settings) -> Any:
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter  # noqa: PLC0415

    # The format of the Functions host: ClientId=…;Authorization=AAD.
    client = re.search(r"ClientId=([^;]+)", settings.insights_authentication or "")
    return AzureMonitorMetricExporter(
        connection_string=settings.insights_connection and settings.insights_connection.get_secret_value(),
        credential=ManagedIdentityCredential(client_id=client[1]) if client else None,
        disable_offline_storage=True,
    )
