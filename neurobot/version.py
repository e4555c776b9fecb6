"""The version: one that differs may give other results."""

__version__ = "0.2.0"
