"""CelebA in the forms in which people have it: its images, lists and points, and its faces.

Imports nothing else of `faces`.
"""
