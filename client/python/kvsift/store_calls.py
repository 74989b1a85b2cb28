"""What all calls on a store need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvsift import _core

if TYPE_CHECKING:
    from kvsift.client import Client


class StoreCalls:
    """A store of a client."""

    def __init__(self, client: Client, core: _core.Store) -> None:
        self.client = client
        self._client = client._core
        self._core = core
