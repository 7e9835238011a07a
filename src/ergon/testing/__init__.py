"""For authors of plugins: contract suites and fakes."""
