"""Objects on disk with one revision counter, and the watch cache over them."""
