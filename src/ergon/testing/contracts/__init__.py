"""Contract suites: what every adapter of a port must do. Subclass one as `Test…` and give its fixture."""
