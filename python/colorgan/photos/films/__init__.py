"""Video files: read frame by frame, coloured without flicker, and written with their sound.

May import `coloring`, and `containers` beside it.
"""
