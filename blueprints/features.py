"""The features of the API over HTTP, in one list. A new feature needs a file in blueprints/http and a name here."""

from blueprints.http import (
    charts,
    dead_letters,
    document,
    lists,
    me,
    metrics,
    operations,
    pages,
    purge,
    quarantine,
    rebuild,
    samples,
    standings,
    status,
    tenants,
)

FEATURES = (
    charts,
    standings,
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
    pages,
)
