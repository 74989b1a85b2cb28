"""Vectors on their way from a model's device to the client."""

from __future__ import annotations

from typing import Any

import torch


class HostCopy:
    """A copy of a tensor in host memory that is under way.

    A tensor of the CPU is its own copy if it is contiguous. From a GPU the copy goes to pinned
    memory beside the kernels that follow.
    """

    def __init__(self, tensor: torch.Tensor) -> None:
        tensor = tensor.detach().contiguous()
        self._arrival: Any = None  # an event of the GPU
        if tensor.device.type != "cuda":
            self._host = tensor.to("cpu")
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._arrival.record()

    def ready(self) -> bool:
        """Whether `wait` returns at once."""
        return self._arrival is None or bool(self._arrival.query())

    def wait(self) -> torch.Tensor:
        """The copy, when it has arrived."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return self._host
