"""The page for colouring photos in a browser, and the small server behind it.

Of `photos`, may import `coloring` and `pictures`.
"""
