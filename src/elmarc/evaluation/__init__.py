"""Features and labels -> scores: splits, protocols, grid searches, and which system is better."""
