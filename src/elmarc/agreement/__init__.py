"""How well an untrained ranking predicts the trained one."""
