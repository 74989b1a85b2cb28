"""Whether a model's keys are still those that its key scales were measured on.

Thresholds of key codes are multiples of the key scales. Rotated keys are nearly Gaussian, so with
scales that fit every level has a known share of the coordinates; scales of another model, or of
other weights, give other shares and worse selections. The server counts the levels of a sample of
the keys it gets (Store.level_counts) and says how far they are from that.
"""

from __future__ import annotations

import warnings

from kvsift.store import Store
from kvsift.values import LevelDeviation


class DriftWarning(UserWarning):
    """Keys of a store are not what its key scales were measured on."""


def check_drift(store: Store, timeout: float | None = None) -> LevelDeviation | None:
    """Asks the server how far keys deviate, and warns with DriftWarning if that is too much.

    Returns the deviation, or None before enough keys were appended: 32 sampled positions of a
    layer, one of 64. A call of GetStore: for a worker every some thousand tokens, not every step.
    """
    store.refresh(timeout)
    found = store.level_deviation
    if found is not None and found.deviation > found.limit:
        warnings.warn(
            f"store {store.name}: key levels of layer {found.layer_id}, kv head {found.kv_head} "
            f"deviate by {found.deviation:.3f} from what the key scales promise, more than "
            f"{found.limit:.2f}: measure the scales of this model again (kvsift-calibrate)",
            DriftWarning,
            stacklevel=2,
        )
    return found
