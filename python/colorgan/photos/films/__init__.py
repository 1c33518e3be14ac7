"""Video files: reads them frame by frame, colours them without flicker, and keeps their sound.

Of `photos`, may import `coloring` and `containers`.
"""
