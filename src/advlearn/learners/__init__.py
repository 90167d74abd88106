"""The lower level: networks, frozen or in training, and clusterings."""
