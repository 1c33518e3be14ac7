"""Colours photographs and videos of any size, on the command line and on a page in the browser.

May import `nets` and `faces`. All of it works without Caffe, with pip packages alone.
"""
