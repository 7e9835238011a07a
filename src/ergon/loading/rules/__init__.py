"""Rules: what a workflow must keep beyond its structure, one file per family."""
