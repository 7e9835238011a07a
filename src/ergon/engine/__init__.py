"""The engine: runs workflows durably on an event loop of its own."""
