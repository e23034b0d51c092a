"""The pytest plugin that users get and our own tests use; harmless where no test asks for its fixtures."""
