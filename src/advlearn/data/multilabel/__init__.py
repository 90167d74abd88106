"""Images with several labels each: composed scenes and photo collections, and how they are kept."""
