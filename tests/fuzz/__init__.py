"""Requests of every kind, valid and not, to a running sandbox, from what docs/openapi.json says it takes."""
