"""Forks: a process that has ipykernel and chosen modules loaded, and forks a kernel of itself on request (Linux)."""
