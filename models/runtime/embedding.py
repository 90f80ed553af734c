"""An embedding becomes one number: how far a frame lies from the frames that the model was trained on. Pure numpy.

Every number of the embedding is measured in spreads of the training, and the root of the mean square is taken (a Mahalanobis
distance with a diagonal covariance, over the root of the dimensions): frames of the training lie about 1 away, whatever the
network. It says that the input changed, not that the model is wrong.

Array suffixes: B frames, C numbers of the embedding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from contracts.bundles import EmbeddingOutput


def distances(embedding_BC: npt.NDArray[Any], output: EmbeddingOutput) -> list[float | None]:
    """Return the distance of each frame; None where the embedding holds what is not a number.

    Args:
        embedding_BC: as the graph gives it.
        output: the ``embedding`` of the manifest, of the same C.
    """
    wide_BC = np.asarray(embedding_BC, np.float64)
    spreads_BC = (wide_BC - np.asarray(output.mean)) / np.asarray(output.spread)
    return [round(float(found), 4) if np.isfinite(found) else None for found in np.sqrt(np.mean(spreads_BC**2, axis=1))]
