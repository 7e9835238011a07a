"""Notebooks as steps: reading them, running their cells in a kernel, and writing down what came of it."""
