"""Network namespaces: their names, making, entering, and removing a lab's from the kernel's state alone."""
