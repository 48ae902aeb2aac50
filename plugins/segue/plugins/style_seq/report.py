"""What is measured on held-out pieces."""
