"""The embedded cloud: the whole service on one machine, without an AWS account or Docker."""
