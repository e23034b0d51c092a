"""Controllers, one a module; clients of the API only."""
