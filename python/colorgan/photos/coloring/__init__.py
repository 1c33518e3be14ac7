"""Finds colours for a gray photo, and lays them over it.

Imports nothing else of `photos`.
"""
