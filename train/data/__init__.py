"""Training data: MNIST, a user's own digits, and pools of augmented digits on disk."""
