"""How fast training and colouring faces are in stock Caffe, in this project's Caffe and in PyTorch.

Each of these sides has a process of its own. They take turns, so that other load on the machine
affects all of them. All have nets from the same prototxt files, the same first weights, the same
faces (random ones, as speed does not depend on pixels) and the same number of threads, and they
must report the same losses before any clock starts. An iteration is a step of D and one of G.
"""
