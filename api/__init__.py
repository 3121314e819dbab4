"""The Lambda functions: REST routes and upload intake."""
