"""Luota's service: what is in which room is told by docs/architecture.md."""
