"""Data sets made of pictures: decoded, cut out, split, and packed whole or not at all.

May import `celeba` and `finding`, and the modules beside it.
"""
