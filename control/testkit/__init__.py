"""The pytest plugin that users get and our own tests are written on."""
