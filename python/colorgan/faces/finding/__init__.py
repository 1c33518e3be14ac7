"""Faces, hands and people found in photos of any size, and how a face lies to CelebA's.

May import `celeba`.
"""
