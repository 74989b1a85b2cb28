"""The store of one model on one server."""

from __future__ import annotations

from typing import Any

import torch

import kvsift
from kvsift.transformers.availability import Availability
from kvsift.transformers.statistics import Statistics


class StoreLink:
    """A store that is made again when a server that was restarted does not have it.

    `layers` are the ids of the layers it holds, in the order of its key scales; `statistics`
    count what was done with it.
    """

    def __init__(
        self,
        client: kvsift.Client,
        store: kvsift.Store,
        availability: Availability,
        config: dict[str, Any] | None,
    ) -> None:
        """`config` are the arguments of create_store, None if somebody else made the store."""
        self.client = client
        self.store = store
        self.availability = availability
        self.layers = list(store.layer_ids)
        self.statistics = Statistics()
        self.key_scales: torch.Tensor | None = None
        self._config = config

    def restore(self, error: kvsift.NotFoundError) -> None:
        """Makes the store again. Raises `error` if somebody else made it."""
        if self._config is None:
            raise error
        self.store = self.client.create_store(**self._config)
