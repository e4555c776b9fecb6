"""Matrices as products of smaller or sparser ones, W ~ P = S_J ... S_1, for inputs x that occur.

Both ways make E||(W - P) x||^2 = tr((W - P) C (W - P)^T) small, C = E[x x^T]; with C = 1 that is
||W - P||^2. Low rank: the truncated SVD of W C^(1/2), times the root's pseudo-inverse. Sparse:
alternating projected gradients (PALM), in which with L and R, what stands left and right of S_j,

    S_j <- the kappa_j largest entries of S_j - (1/c) L^T (P - W) C R^T,
    c = 1.001 ||L||^2 ||R C^(1/2)||^2,

and the error never rises.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.prune import largest

Array = NDArray[Any]
LEAST_POWER = 1e-9  # of C along an axis, over the greatest one: what lies below does not occur
SAFETY = 1.001  # of the inverse step, over the largest slope
SWEEPS = 100  # over all factors, at most
LEAST_GAIN = 1e-3  # of the error in a sweep; one that gains less is the last


def product(factors: Sequence[Array]) -> Array:
    """Return S_J ... S_1; factors: S_1 first."""
    return reduce(lambda done, factor: np.asarray(factor @ done), factors)


def error_of(matrix: Array, factors: Sequence[Array], moments: Array) -> float:
    """Return tr((W - P) C (W - P)^T); factors: S_1 first; moments: C."""
    missed = matrix - product(factors)
    return float(np.vdot(missed @ moments, missed))


def roots(moments: Array) -> tuple[Array, Array]:
    """Return the symmetric root of C, and its pseudo-inverse."""
    powers, axes = np.linalg.eigh(moments)
    kept = powers > LEAST_POWER * powers[-1]
    lengths, axes = np.sqrt(powers[kept]), axes[:, kept]
    return (axes * lengths) @ axes.T, (axes / lengths) @ axes.T


def full_rank(matrix: Array, moments: Array) -> tuple[Array, Array, Array]:
    """Return S_1 (k, n) and S_2 (m, k), k = min(m, n), and the singular values, (k,).

    The first r rows of S_1 and columns of S_2 are the best factors of rank r; the roots of the
    singular values are in each. An input that never occurs gets no weight at all.
    """
    root, inverse = roots(moments)
    left, values, right = np.linalg.svd(matrix @ root, full_matrices=False)
    share = np.sqrt(values)
    back = np.where(np.diag(moments) > 0, right @ inverse, 0.0)
    return share[:, None] * back, left * share, values


def cut(matrix: Array, count: int) -> Array:
    """Return the matrix with its largest entries only."""
    return np.where(largest(matrix, count), matrix, 0.0)


def beginnings(matrix: Array, inner: int, budgets: Sequence[int], moments: Array) -> list[Array]:
    """Return the first factors: of low rank, or W itself where the inner ones are large enough.

    What else there is are ones on the diagonal.
    """
    m, n = matrix.shape
    if inner < min(m, n):
        first, last, _ = full_rank(matrix, moments)
        ends = [first[:inner], last[:, :inner]]
    else:
        ends = [matrix, np.eye(m)] if m <= n else [np.eye(n), matrix]
    chain = [ends[0], *[np.eye(inner)] * (len(budgets) - 2), ends[1]]
    return [cut(factor, count) for factor, count in zip(chain, budgets, strict=True)]


def steepest(slope: Array) -> float:
    """Return the greatest eigenvalue of a symmetric matrix that has no negative one."""
    return float(np.linalg.eigvalsh(slope)[-1])


def sweep(factors: list[Array], budgets: Sequence[int], cross: Array, moments: Array) -> None:
    """Take one projected step of each factor, S_1 first, where they stand; cross: W C."""
    for place, count in enumerate(budgets):
        own = factors[place]
        left = product([np.eye(len(own)), *factors[place + 1 :]])
        slope = left.T @ left
        curve = SAFETY * steepest(slope) * steepest(moments)
        if curve > 0:
            own = cut(own - (slope @ own @ moments - left.T @ cross) / curve, count)
        factors[place] = own
        cross, moments = cross @ own.T, own @ moments @ own.T


def sparse(matrix: Array, inner: int, budgets: Sequence[int], moments: Array) -> list[Array]:
    """Return S_1 ... S_J with at most so many entries each, and `inner` rows but for S_J."""
    factors = beginnings(matrix, inner, budgets, moments)
    cross, error = matrix @ moments, error_of(matrix, factors, moments)
    for _ in range(SWEEPS):
        sweep(factors, budgets, cross, moments)
        before, error = error, error_of(matrix, factors, moments)
        if before - error <= LEAST_GAIN * before:
            break
    return factors
