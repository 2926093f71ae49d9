"""Does the untrained ranking of architectures predict the trained one? See README.md."""
