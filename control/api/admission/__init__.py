"""Admission plug-ins, one a module."""
