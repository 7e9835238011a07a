"""Artifact stores: keep bytes by their sha256."""
