"""Term vectors calibrated on items that nothing was learned from: how much they are to be trusted.

Ridge regression makes vectors shorter than those it learns from. Which penalty foresees best, and
how far each part falls short, is judged on a tenth of the items; then all of them are learned from.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from batch.content.words import Floats, ItemTerms, WordVectors, learn_term_vectors
from batch.parameters import WordParameters

_HELD_OUT = 0.1
_FEWEST_HELD_OUT = 20
_MANY_ITEMS = 20_000
_JUDGED_COLUMNS = 128
"""Of many items so many columns of the lists' factors, which have a thousand, say as much."""
_DEFAULT_PENALTY = 100.0
_MOST_LENGTHENED = 3.0
"""Words that hardly foresee anything make short vectors; stretched further they were noise."""
_SMALLEST = 1e-12


def learn_calibrated(
    items: ItemTerms,
    targets: NDArray[np.floating],
    degrees: Floats,
    widths: tuple[int, ...],
    parameters: WordParameters,
) -> tuple[WordVectors, float, float]:
    """Term vectors calibrated part by part, their penalty, and the share they explain.

    Penalty and calibration are judged on a tenth of the items that nothing was learned from.
    """
    random = np.random.default_rng(parameters.seed)
    held_out = random.random(len(items.item_nos)) < _HELD_OUT
    if held_out.sum() < _FEWEST_HELD_OUT:
        fit = learn_term_vectors(items, targets, degrees, parameters, penalty=_DEFAULT_PENALTY)
        return fit, _DEFAULT_PENALTY, float("nan")
    # The columns of a long part are much alike; with all of them a large catalogue takes long.
    is_large = len(items.item_nos) > _MANY_ITEMS
    stride = max(1, widths[0] // _JUDGED_COLUMNS) if is_large else 1
    ends = np.cumsum(widths)
    parts = (
        targets[:, end - width : end : stride] for width, end in zip(widths, ends, strict=True)
    )
    judged = np.hstack(list(parts))
    penalty, predicted, error = _judged(items, judged, degrees, held_out, parameters)
    observed = judged[held_out].astype(np.float64)
    judged_widths = tuple(-(-width // stride) for width in widths)
    scales = np.repeat(_lengthening(predicted, observed, judged_widths), widths)
    whole = float((_counted(degrees[held_out], parameters) * observed**2).sum())
    words = learn_term_vectors(items, targets, degrees, parameters, penalty=penalty)
    return words.scaled(scales), penalty, 1.0 - error / max(whole, _SMALLEST)


def _judged(
    items: ItemTerms,
    targets: NDArray[np.floating],
    degrees: Floats,
    held_out: NDArray[np.bool_],
    parameters: WordParameters,
) -> tuple[float, Floats, float]:
    """The penalty with which the held-out items are foreseen best, what is, and the error."""
    rest, asked = items.of(items.item_nos[~held_out]), items.of(items.item_nos[held_out])
    observed = targets[held_out].astype(np.float64)
    counted = _counted(degrees[held_out], parameters)
    best = (_DEFAULT_PENALTY, np.zeros_like(observed), float("inf"))
    for penalty in parameters.penalties:
        fit = learn_term_vectors(
            rest, targets[~held_out], degrees[~held_out], parameters, penalty=penalty
        )
        predicted = fit.sums(asked)
        error = float((counted * (predicted - observed) ** 2).sum())
        if error < best[2]:
            best = (penalty, predicted, error)
    return best


def _counted(degrees: Floats, parameters: WordParameters) -> Floats:
    """How much items count, (n, 1)."""
    return np.minimum(degrees, parameters.most_interactions)[:, None]


def _lengthening(predicted: Floats, observed: Floats, widths: tuple[int, ...]) -> list[float]:
    """By what each part of words-made vectors falls short of the observed ones."""
    scales = []
    for start, end in itertools.pairwise(itertools.accumulate(widths, initial=0)):
        made = float((predicted[:, start:end] ** 2).sum())
        wanted = float((observed[:, start:end] ** 2).sum())
        scale = float(np.sqrt(wanted / made)) if made > 0.0 else 1.0
        scales.append(min(scale, _MOST_LENGTHENED))
    return scales
