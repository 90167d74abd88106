"""The chain of jobs behind a file: what the rules say, what Snakemake recorded, what is on disk."""
