"""Turns pictures into faces placed the way CelebA's are: finds, aligns, packs, draws, batches them.

May import `nets`, since a record of the database is Caffe's Datum.
"""
