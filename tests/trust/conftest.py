"""The pipeline's store fixture, here as well."""

from tests.pipeline.conftest import memory, tables

__all__ = ["memory", "tables"]
