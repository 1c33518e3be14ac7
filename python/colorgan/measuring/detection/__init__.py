"""How reliably faces are found, by the project's detector and by others.

Imports nothing else of `measuring`.
"""
