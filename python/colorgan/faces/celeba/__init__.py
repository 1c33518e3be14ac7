"""CelebA as people have it: its images, its lists, its points, and what one image becomes.

Imports nothing else of `faces`.
"""
