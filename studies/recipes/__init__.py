"""How recipe v2 was chosen, and what lower precision costs in accuracy."""
