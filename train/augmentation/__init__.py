"""Random changes of training images: shape, stroke width, paper, scanner and camera."""
