"""How sure a mean is: percentile bootstrap over the questions.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. The resamples are drawn from a
fixed seed, so the same figures always give the same interval.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from lorebase.schemas.evaluations import Interval

RESAMPLES = 2000
_SEED = 1979
_TAIL_PERCENT = 2.5


def intervals(rows: Sequence[Sequence[float]]) -> list[Interval]:
    """The 95% interval of the mean of each column. At least one row; the columns are resampled together."""
    values = numpy.asarray(rows, dtype=numpy.float64)
    random = numpy.random.default_rng(_SEED)
    count = len(values)
    means = numpy.stack([values[random.integers(count, size=count)].mean(axis=0) for _ in range(RESAMPLES)])
    lower, upper = numpy.percentile(means, [_TAIL_PERCENT, 100 - _TAIL_PERCENT], axis=0)
    return [Interval(lower=float(low), upper=float(high)) for low, high in zip(lower, upper, strict=True)]
