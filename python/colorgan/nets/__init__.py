"""Caffe, and the nets that prototxt describes: loaded, fitted to a run, checked, run forward.

Imports nothing of the other wings. Without Caffe installed, `generators` and `released` still work.
"""
