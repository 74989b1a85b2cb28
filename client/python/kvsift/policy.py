"""What a selection must contain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kvsift import _core


@dataclass(frozen=True)
class Policy:
    """Which positions a list holds. Immutable; make it once and use it for every call.

    Attributes:
        k: how many positions a list holds, at least 1. Shorter sequences are listed whole.
        estimator: how codes are scored: "asymmetric_dot" (the most accurate), "dot",
            "squared_euclidean" or "manhattan" (the Adamas paper's).
        grouping: which query heads share a list: "head" (each has its own), "group_max",
            "group_sum" or "group_union" (one list for each kv head), "layer_max" (one for all).
        sinks: positions [0, sinks) are always selected and count towards k.
        window: so are the most recent `window` visible positions.

    Raises:
        ValueError: a name is unknown, k is less than 1, or sinks + window exceeds k.
        TypeError: a number is no int, a name no str.

    """

    k: int
    estimator: str = "asymmetric_dot"
    grouping: str = "head"
    sinks: int = 0
    window: int = 0

    def __post_init__(self) -> None:
        _ = self._core  # raises what is wrong

    @cached_property
    def _core(self) -> _core.CorePolicy:
        """What the extension takes, made once."""
        return _core.make_policy((self.k, self.estimator, self.grouping, self.sinks, self.window))

    def __reduce__(self) -> tuple[type[Policy], tuple[int, str, str, int, int]]:
        return Policy, (self.k, self.estimator, self.grouping, self.sinks, self.window)


def core_policy(policy: Policy | Sequence[Policy]) -> _core.CorePolicy | list[_core.CorePolicy]:
    """Returns what the extension takes for one policy or several.

    Raises:
        TypeError: it is neither.

    """
    if isinstance(policy, Policy):
        return policy._core
    try:
        return [item._core for item in policy]
    except (AttributeError, TypeError):
        name = type(policy).__name__
        message = f"policy: {name}, expected a kvsift.Policy or a sequence of them"
        raise TypeError(message) from None
