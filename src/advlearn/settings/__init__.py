"""Typed settings, one module a subject: a stage imports only those that can change its result."""
