"""Which settings may have given the published numbers: a search of what the paper leaves open."""
