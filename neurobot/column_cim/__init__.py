"""Compute-in-memory with low-precision converters, one for each column."""
