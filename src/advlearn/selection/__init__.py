"""Selection of images for retraining: rules over clusters, and controls of equal size."""
