"""The door for Python and notebooks: load workflows, start runs, look at them."""
