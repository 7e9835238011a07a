"""Vaults: give secrets by name."""
