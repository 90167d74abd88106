"""Data sets: the catalogue, where the files come from, how they are read, split and stored."""
