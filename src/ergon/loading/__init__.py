"""Loading: the text of a workflow becomes its definition, or diagnostics that say what is wrong and where."""
