"""The pure model: what a workflow is, and how a run's state follows from its events."""
