"""Reference pages, schemas and templates, made from the tables of the case."""
