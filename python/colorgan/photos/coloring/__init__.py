"""Where a gray photo's colours come from, and how they are laid over it.

Imports nothing else of `photos`.
"""
