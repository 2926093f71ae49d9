"""Clips -> one vector each: pooled feature maps, kept in a store."""
