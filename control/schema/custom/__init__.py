"""Kinds that users add: a CustomResourceDefinition compiled once into what checks, fills in and shows its objects; imports control.schema alone, and CEL's library late, by one door."""
