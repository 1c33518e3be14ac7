"""The pictures: faces side by side, curves, the nets. Drawing only; no net is run.

Images come in as uint8 BGR `(n, 3, h, w)` and gray `(n, h, w)`; a picture is uint8 BGR `(H, W, 3)`
as OpenCV writes it.
"""
