#!/usr/bin/env python3
"""Speed of kvsift.torch, in bytes of raw vectors a second, beside a copy of the same vectors.

tests/bench/torch_encoding.py --device cuda
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

import kvsift.torch as encoding

REPEATS = 7


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float16", choices=["float16", "bfloat16", "float32"])
    parser.add_argument("--head-dim", type=int, default=128)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--tokens", default="1,64,4096,65536", help="of one call, several")
    return parser.parse_args()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Median time of one call, the device's work included."""
    times = []
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - begin)
    return sorted(times[1:])[REPEATS // 2]


def main() -> None:
    arguments = parse_arguments()
    device = torch.device(arguments.device)
    scales = torch.ones(arguments.kv_heads, device=device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(f"{name}, {arguments.dtype}, {arguments.kv_heads} kv heads x {arguments.head_dim}")
    print(f"{'tokens':>8} {'work':>10} {'us':>10} {'GB/s':>8} {'x copy':>7}")
    for tokens in map(int, arguments.tokens.split(",")):
        vectors = torch.randn(tokens, arguments.kv_heads, arguments.head_dim, device=device)
        vectors = vectors.to(getattr(torch, arguments.dtype))
        works = {
            "copy": vectors.clone,
            "keys": lambda vectors=vectors: encoding.encode_keys(vectors, scales),
            "queries": lambda vectors=vectors: encoding.encode_queries(vectors),
        }
        times = {work: seconds(run, device) for work, run in works.items()}
        for work, took in times.items():
            rate = vectors.nbytes / took / 1e9
            ratio = took / times["copy"]
            print(f"{tokens:8} {work:>10} {took * 1e6:10.1f} {rate:8.2f} {ratio:7.1f}")


if __name__ == "__main__":
    main()
