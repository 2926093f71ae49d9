"""Simulations of the tests and intervals, and measurements of predicted accuracies and probabilities."""
