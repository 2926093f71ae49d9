"""Does the untrained ranking foretell the trained one? Agreement of results, and how sure it is."""
