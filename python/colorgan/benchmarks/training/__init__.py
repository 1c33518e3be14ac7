"""Training on the CPU: stock Caffe, the Caffe of this project and PyTorch take turns.

Each side is a process of its own, which waits while another one works, so that other load on the
machine meets all of them. All have the nets of the same prototxt files, the same first weights, the
same faces (random ones: speed does not depend on pixels) and the same number of threads, and must
report the same losses before any clock starts. An iteration is a whole one: D's step, then G's.
"""
