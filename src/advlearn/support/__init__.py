"""Ground floor: errors, files, seeds, progress, determinism and provenance."""
