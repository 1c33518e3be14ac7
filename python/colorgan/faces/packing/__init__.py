"""Builds data sets from pictures: decodes, cuts out and splits them, and packs all or nothing.

Of `faces`, may import `celeba`, `finding` and the modules next to it.
"""
