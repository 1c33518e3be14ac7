"""Finds faces, hands and people in photos of any size, and aligns faces with CelebA's.

Of `faces`, may import `celeba`.
"""
