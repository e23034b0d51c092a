"""NetworkPolicy JSON and label selectors to values, errors with field paths."""
