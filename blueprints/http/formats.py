"""Writes answers as JSON, CSV or NDJSON, with an ETag, and compressed if that saves enough.

Knows HTTP's rules of negotiation and caching (RFC 9110, RFC 9111). Does not know what an answer means.
"""

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from http import HTTPStatus
from operator import attrgetter
from typing import Any, Literal, get_args, get_type_hints

import azure.functions as func
from pydantic import TypeAdapter
from pydantic_core import to_json
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_etags, parse_options_header

from domain.disclosure import ForTenants
from domain.names import NAMES_KEPT

Format = Literal["json", "csv", "ndjson"]
MEDIA_TYPES: Mapping[Format, str] = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}

WORTH_COMPRESSING = 1_000
"""In bytes. In a smaller answer, most bytes are headers."""

COMPRESSION, MOST_COMPRESSION = 1, 9
"""Levels of gzip. Higher ones take up to three times as long and save an eighth more: worth it for files that stay."""

FILES_KEPT = 200
"""How many compressed files are kept in memory: of the page's, less than half a megabyte."""

_adapters: dict[Any, TypeAdapter[Any]] = {}
_MASKED = re.compile(r"[A-Za-z0-9+/=]*")
"""The characters of base64. Masked names contain no others. A formula of only these can't call or run anything."""

_PREFIXES = {"percentiles": "{0}", "tenantPercentiles": "tenant{1}"}
"""The fields that hold percentiles by name, and the names of their columns in CSV."""

_FORMULA = re.compile(r"((?:^|[;,|\t\r\n])[\s\"]*)(?=[=+@\-\uff1d\uff0b\uff20\uff0d])")
"""Finds the start of a formula: at the start of a cell, or of text that a spreadsheet may take for a cell. Some
spreadsheets split elsewhere (at semicolons, in many locales) or ignore quotes. The last four characters are the
full-width forms, which some spreadsheets treat alike."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text answer: its writers by media type. Every reader understands the last media type."""

    forms: Mapping[str, Callable[[], str]]


@dataclass(frozen=True, slots=True)
class DisclosedText(Text, ForTenants):
    """A text answer that contains only disclosed figures."""


def chosen_format(asked: Format | None, accept: str) -> Format:
    """Return the format from the parameter, else from the Accept header. The default is JSON."""
    if asked:
        return asked
    # Drop the parameters: a requested charset does not make it another media type.
    accepted = MIMEAccept([(kind.partition(";")[0], share) for kind, share in parse_accept_header(accept)])
    best = accepted.best_match(MEDIA_TYPES.values(), MEDIA_TYPES["json"])
    return next(name for name, media_type in MEDIA_TYPES.items() if media_type == best)


def negotiated(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type that the reader prefers, by the weights of the Accept header.

    Every reader understands the last one. The others are chosen only if the header names them, not for a wildcard.
    """
    *better, common = offered
    for media_type in better:
        weight = _weight(accept, media_type, wildcards=False)
        if weight > 0 and weight >= _weight(accept, common, wildcards=True):
            return media_type
    return common


def _weight(accept: str, media_type: str, *, wildcards: bool) -> float:
    """Return the weight of a media type: that of its closest match. A reader may name the type without its version."""
    kind, options = parse_options_header(media_type)
    wild = (f"{kind.partition('/')[0]}/*", "*/*") if wildcards else ()
    closest, found = -1, 0.0
    for asked, share in parse_accept_header(accept):
        name, given = parse_options_header(asked)
        if name == kind and given.get("version", options.get("version")) == options.get("version"):
            closeness = 3 if "version" in given else 2
        elif name in wild:
            closeness = 1 - wild.index(name)
        else:
            continue
        if closeness > closest:
            closest, found = closeness, float(share)
    return found


def written(answer: Any, form: Format) -> tuple[bytes, str]:
    """Return an answer's bytes and media type. Only answers with rows in ``data`` have formats other than JSON."""
    match form:
        case "csv":
            text = _csv(answer.data, row_type(type(answer)), getattr(answer, "percentiles", ()))
            return text.encode(), f"{MEDIA_TYPES['csv']}; charset=utf-8"
        case "ndjson":
            rows = adapter(row_type(type(answer)))
            return b"".join(rows.dump_json(row) + b"\n" for row in answer.data), MEDIA_TYPES["ndjson"]
        case "json":
            return adapter(type(answer)).dump_json(answer), MEDIA_TYPES["json"]


def respond(
    request_headers: Mapping[str, str],
    body: bytes,
    media_type: str,
    headers: Mapping[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    level: int = COMPRESSION,
) -> func.HttpResponse:
    """Return the response. The reader may already have this answer (If-None-Match) and may accept compression."""
    etag = hashlib.blake2b(body + media_type.encode(), digest_size=12).hexdigest()
    headers = {**headers, "ETag": f'W/"{etag}"', "Content-Type": media_type, "X-Content-Type-Options": "nosniff"}
    if parse_etags(request_headers.get("if-none-match")).contains_weak(etag):
        del headers["Content-Type"]
        return func.HttpResponse(status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
    if len(body) >= WORTH_COMPRESSING and parse_accept_header(request_headers.get("accept-encoding"))["gzip"]:
        body = _compressed_once(body) if level == MOST_COMPRESSION else gzip.compress(body, level, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return func.HttpResponse(body, status_code=status.value, headers=headers)


@lru_cache(FILES_KEPT)
def _compressed_once(body: bytes) -> bytes:
    """Return what stays the same, compressed as well as possible."""
    return gzip.compress(body, MOST_COMPRESSION, mtime=0)


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter that writes values of a type as JSON. It is made once per type."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def row_type(kind: type[Any]) -> Any:
    """Return the type of an answer's rows."""
    return get_args(get_type_hints(kind)["data"])[0]


def _csv(rows: Sequence[Any], kind: type[Any], percentiles: Sequence[str]) -> str:
    """Return rows as CSV by RFC 4180. The first line holds the names of the fields. A null is an empty field.

    A field that holds percentiles by name has a column for each of them: ``p50``; of the tenant's, ``tenantP50``. One
    with fields of its own has a column for each: ``firstLogonExpected``.
    """
    names = [field.name for field in fields(kind)]
    columns = [(name, _PREFIXES.get(name)) for name in names]
    parts = _parts(kind)
    get = attrgetter(*names)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    header: list[str] = []
    for name, prefix in columns:
        if name in parts:
            header += [f"{name}{part[0].upper()}{part[1:]}" for part in parts[name]]
            continue
        header += [name] if prefix is None else [prefix.format(each, each.upper()) for each in percentiles]
    writer.writerow(header)
    for row in rows:
        cells: list[Any] = []
        for (name, prefix), value in zip(columns, get(row), strict=True):
            if name in parts:
                cells += [None if value is None else _cell(getattr(value, part)) for part in parts[name]]
                continue
            cells += [_cell(value)] if prefix is None else [(value or {}).get(each) for each in percentiles]
        writer.writerow(cells)
    return text.getvalue()


def _parts(kind: type[Any]) -> Mapping[str, Sequence[str]]:
    """Return the fields of a row that have fields of their own, and the names of these."""
    found: dict[str, Sequence[str]] = {}
    for name, hint in get_type_hints(kind).items():
        for each in (hint, *get_args(hint)):
            if is_dataclass(each):
                found[name] = [part.name for part in fields(each)]
    return found


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):  # a part of an answer that has no columns of its own
        return to_json(value).decode()
    return _disarmed(value) if isinstance(value, str) else value


@lru_cache(NAMES_KEPT)
def _disarmed(text: str) -> str:
    """Return the text with an apostrophe before each part that a spreadsheet could take for a formula."""
    return text if _MASKED.fullmatch(text) else _FORMULA.sub(r"\1'", text)
