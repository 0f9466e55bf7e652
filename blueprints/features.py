"""The features of the API over HTTP, in one list. A new feature needs a file in blueprints/http and a name here."""

from blueprints.http import (
    charts,
    dead_letters,
    document,
    join,
    lists,
    me,
    metrics,
    operations,
    pages,
    purge,
    push,
    quarantine,
    rebuild,
    samples,
    status,
    tenants,
)

FEATURES = (
    charts,
    samples,
    lists,
    me,
    status,
    metrics,
    document,
    rebuild,
    purge,
    quarantine,
    dead_letters,
    operations,
    tenants,
    join,
    push,
    pages,
)
