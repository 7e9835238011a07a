"""Cells as steps: `%%step` makes a step of a cell, `%ergon` runs, draws, checks and exports what they make up."""
