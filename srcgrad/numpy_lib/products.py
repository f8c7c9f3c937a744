"""Products of vectors and matrices, as loops."""

import numpy as np

from srcgrad.numpy_lib.registry import defines


def vector_vector(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError("the vectors differ in length")
    total = np.result_type(a, b).type(0)
    for i in range(a.shape[0]):
        total = total + a[i] * b[i]
    return total


def matrix_vector(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("the matrix and the vector do not fit")
    out = np.zeros((a.shape[0],), np.result_type(a, b))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            out[i] += a[i, k] * b[k]
    return out


def vector_matrix(a, b):
    if a.shape[0] != b.shape[0]:
        raise ValueError("the vector and the matrix do not fit")
    out = np.zeros((b.shape[1],), np.result_type(a, b))
    for k in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[j] += a[k] * b[k, j]
    return out


def matrix_matrix(a, b):
    if a.shape[1] != b.shape[0]:
        raise ValueError("the matrices do not fit")
    out = np.zeros((a.shape[0], b.shape[1]), np.result_type(a, b))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


MATMUL = {(1, 1): vector_vector, (2, 1): matrix_vector, (1, 2): vector_matrix, (2, 2): matrix_matrix}


@defines(np.dot, np.matmul)
def dot(a, b):
    return a @ b


@defines(np.outer)
def outer(a, b):
    out = np.zeros((a.shape[0], b.shape[0]), np.result_type(a, b))
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            out[i, j] = a[i] * b[j]
    return out
