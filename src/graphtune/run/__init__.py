"""One fit from a table to a saved model, and what a saved model can do."""
