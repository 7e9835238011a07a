"""Executors: where attempts run, in the engine's loop, in a thread, or in a process that can be killed."""
