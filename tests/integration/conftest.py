"""Tests here run against ministack, in processes and threads of their own."""

from tests.cloud import cloud, resources

__all__ = ["cloud", "resources"]
