"""The command line: `ergon`. It knows the composition root and the model, and nothing else of Ergon."""
