"""Training of classifiers, on clean images and with selected adversarial ones."""
