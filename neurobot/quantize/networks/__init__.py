"""Networks to train: small ones for small images, and those of ImageNet."""
