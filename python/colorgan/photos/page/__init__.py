"""The page on which anyone colours photos in a browser, and the small server behind it.

May import `coloring` and `pictures`.
"""
