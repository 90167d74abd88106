"""Stages: files in, files out; one typed function each, the same for a rule and for the shell."""
