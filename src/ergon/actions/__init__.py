"""Actions: what steps do, built in or brought by other packages."""
