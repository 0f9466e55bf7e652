"""The development host: serves the app's HTTP triggers, fires its timers, feeds its queue trigger, runs orchestrations.

It does what the Functions host does for these, as far as this app needs it, on one instance. There is one difference:
if the Functions host itself refuses a request (no such route, no key), its answer has an empty body. This host's answer
has the app's format for problems.
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from croniter import croniter

from blueprints.http.problems import problem
from blueprints.settings import allowed_origins
from local import cors, webhooks
from local.durable import MOST_ACTIVITIES, TaskHub
from local.platform import SIGN_IN, SIGN_OUT, Platform
from local.queue import FolderQueue
from local.routes import Route, match, routes
from local.worker import Function, FunctionFailed, Worker

log = logging.getLogger("local.host")
# Requests that are not HTTP are refused. They are not errors of this program, so the log needs no traceback.
logging.getLogger("aiohttp.server").addFilter(
    lambda record: not isinstance((record.exc_info or (0, 0))[1], BadHttpMessage)
)

POLL_SECONDS = 0.2
MOST_REQUEST_BYTES = 1024 * 1024
_SETTING = re.compile(r"%(\w+)%")


class Host:
    """The app of a folder, running on one port with one data folder."""

    def __init__(self, worker: Worker, data: Path, platform: Platform, host_json: Mapping[str, Any]) -> None:
        """Set up the loaded app. ``host_json`` is the content of its host.json. Raises OSError."""
        extensions = host_json.get("extensions", {})
        self.worker = worker
        self.queue = FolderQueue(data / "queue")
        most = int(extensions.get("durableTask", {}).get("maxConcurrentActivityFunctions", MOST_ACTIVITIES))
        self.hub = TaskHub(data / "durable.db", worker, most)
        self.platform = platform
        self.routes: list[Route] = routes(
            worker.functions.values(), extensions.get("http", {}).get("routePrefix", "api")
        )
        self._batch = int(extensions.get("serviceBus", {}).get("maxMessageBatchSize", 64))
        self._failing: set[str] = set()
        self._reported: set[Path] = set()

    @classmethod
    async def load(cls, folder: Path, data: Path, platform: Platform) -> "Host":
        """Load the app in a folder; ``data`` is the folder for its data. Raises FunctionFailed and OSError."""
        return cls(await Worker.load(folder), data, platform, json.loads((folder / "host.json").read_text()))

    def of_type(self, kind: str) -> list[Function]:
        """Return the functions with this type of trigger."""
        return [each for each in self.worker.functions.values() if each.trigger["type"].lower() == kind.lower()]

    @contextlib.asynccontextmanager
    async def running(self, port: int) -> AsyncIterator[None]:
        """Serve requests, fire timers and feed queues inside the block. Raises OSError if the port is taken."""
        server = web.Application(client_max_size=MOST_REQUEST_BYTES)
        server.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(server, access_log=None, shutdown_timeout=2)
        await runner.setup()
        tasks: list[asyncio.Task[None]] = []
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.worker.durable_client = webhooks.client_binding(f"http://127.0.0.1:{port}", self.hub.key)
            self.hub.resume()
            timers = [timer for timer in self.of_type("timerTrigger") if not is_disabled(timer.name)]
            tasks += [asyncio.create_task(self._fire(timer)) for timer in timers]
            tasks += [asyncio.create_task(self._feed(trigger)) for trigger in self.of_type("serviceBusTrigger")]
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.hub.close()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        origins = allowed_origins()
        answer = cors.preflight(request, origins) or await self._refused_or_served(request)
        return cors.allow(request, answer, origins)

    async def _refused_or_served(self, request: web.Request) -> web.Response:
        if self.platform.refuses(_headers(request)):
            return _refusal(HTTPStatus.UNAUTHORIZED, "the token is not valid", {"WWW-Authenticate": "Bearer"})
        try:
            return await self._serve(request)
        except web.RequestPayloadError:
            return _refusal(HTTPStatus.BAD_REQUEST, "the body does not have the encoding that its headers name")

    async def _serve(self, request: web.Request) -> web.Response:
        if self.platform.principals is not None and request.path in (SIGN_IN, SIGN_OUT):
            return self._sign(request)
        if (answer := await webhooks.answer(request, self.hub)) is not None:
            return answer
        found = match(self.routes, request.method, request.rel_url.raw_path)
        if found is None:
            return _refusal(HTTPStatus.NOT_FOUND, "this path does not exist, or not for this method")
        route, parameters = found
        url = f"{request.scheme}://{request.host}{request.rel_url.raw_path_qs}"
        headers = _headers(request)
        query = request.rel_url.raw_query_string
        if not route.anonymous and not self.platform.admits(route.function.name, headers, query):
            return _refusal(HTTPStatus.UNAUTHORIZED, "send a function key as the header x-functions-key")
        try:
            returned = await self.worker.http(
                route.function,
                request.method,
                url,
                self.platform.passed_on(headers),
                parameters,
                await request.read(),
            )
        except FunctionFailed as error:
            log.error("%s failed: %s", route.function.name, error)  # noqa: TRY400  (the function has logged the traceback)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the function failed; see the host's log for the reason")
        return web.Response(status=returned.status, headers=returned.headers, body=returned.body)

    def _sign(self, request: web.Request) -> web.Response:
        """Sign a user in or out, as App Service does in front of an app."""
        if request.path == SIGN_OUT:
            return web.Response(status=302, headers=self.platform.sign_out(request.query_string))
        answer = self.platform.sign_in(request.query_string)
        if answer is None:
            return _refusal(HTTPStatus.UNAUTHORIZED, "PRINCIPALS has nobody of that name")
        text, headers = answer
        return web.Response(text=text, content_type="text/html", headers=headers, status=302 if headers else 200)

    async def fire(self, name: str) -> None:
        """Fire a timer once, besides its schedule."""
        timer = self.worker.functions[name]
        await self._invoke(timer, self.worker.timer(timer, past_due=False))

    async def _fire(self, timer: Function) -> None:
        """Fire a timer at the start and then by its schedule. The first run counts as past due, as after a downtime."""
        schedule = resolve(str(timer.trigger["schedule"]))
        past_due = True
        while True:
            await self._invoke(timer, self.worker.timer(timer, past_due=past_due))
            past_due = False
            await asyncio.sleep(max(0.0, next_time(schedule, time.time()) - time.time()))

    async def _feed(self, trigger: Function) -> None:
        """Deliver the waiting messages, batch by batch. Abandoned messages are delivered again at once, as in Azure."""
        while True:
            try:
                waits = await self._deliver(trigger)
            except OSError as error:
                log.error("the queue %s can't be read: %s", self.queue.folder, error)  # noqa: TRY400
                waits = False
            if not waits:
                await asyncio.sleep(POLL_SECONDS)

    async def _deliver(self, trigger: Function) -> bool:
        """Deliver one batch. Tell whether there were messages."""
        deliveries, unreadable = self.queue.take(self._batch)
        for path, error in unreadable:
            if path not in self._reported:
                log.error("%s can't be read and stays where it is: %s", path, error)
                self._reported.add(path)
        if not deliveries:
            return False
        batch = [(delivery.path.name, delivery.body, delivery.count) for delivery in deliveries]
        if await self._invoke(trigger, self.worker.queue_batch(trigger, batch)):
            self.queue.complete(deliveries)
            return True
        for path in self.queue.abandon(deliveries):
            log.error("%s failed too often and was moved to %s", path.name, path.parent)
        return True

    async def _invoke(self, function: Function, work: Any) -> bool:
        """Tell whether a function succeeded. Log once that it fails, and once that it works again."""
        try:
            await work
        except FunctionFailed as error:
            if function.name not in self._failing:
                log.error("%s fails and will be retried: %s", function.name, error)  # noqa: TRY400
            self._failing.add(function.name)
            return False
        if function.name in self._failing:
            self._failing.discard(function.name)
            log.warning("%s works again", function.name)
        return True


def _headers(request: web.Request) -> dict[str, str]:
    """Return a request's headers by name in lower case. Those given twice are joined, as the Functions host does."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    return headers


def _refusal(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    answer = problem(str(uuid.uuid4()), status, detail, headers)
    return web.Response(status=status, headers=answer.headers, body=answer.get_body())


def is_disabled(name: str) -> bool:
    """Tell whether a function's trigger is off by the app setting that Azure has for it."""
    return os.environ.get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("1", "true")


def resolve(text: str) -> str:
    """Replace each ``%NAME%`` by that setting, as the Functions host does. Raises KeyError for a missing setting."""
    return _SETTING.sub(lambda found: os.environ[found[1]], text)


def next_time(schedule: str, after: float) -> float:
    """Return the Unix second at which an NCRONTAB schedule (five fields, or six with seconds first) is due next."""
    six = schedule if len(schedule.split()) == 6 else f"0 {schedule}"  # noqa: PLR2004
    start = datetime.fromtimestamp(after, UTC)
    due: float = croniter(six, start, second_at_beginning=True, day_or=False).get_next(float)
    return due
