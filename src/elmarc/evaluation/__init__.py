"""Features and labels -> scores: splits, protocols, grid searches."""
