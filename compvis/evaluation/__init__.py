"""Metrics, statistics and learning curves."""
