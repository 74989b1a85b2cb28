"""Key scales of a model in a file, measured once and taken by every store of that model.

    scales = kvsift.KeyScales.load("smollm2.scales.json")
    store = client.create_store("smollm2", layer_ids=range(2, 30), kv_heads=3, query_heads=9,
                                head_dim=64, key_scales=scales)

The file is JSON: what was measured (model, shape, text, positions, dtype), the scales by layer, and
a fingerprint, so that a file that was edited or cut off is noticed when it is loaded, and one of
another shape when it is used. `kvsift-calibrate` writes it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kvsift.quantizer import MAX_HEAD_DIM, MAX_KEY_SCALE, MIN_KEY_SCALE

FORMAT = "kvsift key scales"
VERSION = 1
_MAX_LAYER_ID, _MAX_KV_HEADS = 65535, 256


class KeyScalesError(ValueError):
    """Key scales that are wrong or do not fit. Has field, value and limit."""

    def __init__(self, field: str, value: object, limit: str) -> None:
        """Says "field: value, must be limit"."""
        super().__init__(f"{field}: {value}, must be {limit}")
        self.field, self.value, self.limit = field, value, limit


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What key scales were measured on."""

    text: str  # a name for people
    text_sha256: str  # of its UTF-8 bytes that were read
    positions: int  # the first so many tokens
    dtype: str  # in which the model computed, such as "float32"


@dataclasses.dataclass(frozen=True, eq=False)
class KeyScales:
    """Root mean squares of rotated keys: what thresholds are multiples of.

    Raises KeyScalesError where fields do not fit each other.
    """

    model: str
    layer_ids: tuple[int, ...]  # ascending, distinct
    kv_heads: int
    head_dim: int
    scales: np.ndarray  # float32 [layers, kv_heads], in the order of layer_ids; read-only
    measured_on: Measurement

    def __post_init__(self) -> None:
        """Makes the scales read-only and checks every field."""
        scales = np.array(self.scales, dtype=np.float32)
        scales.flags.writeable = False
        object.__setattr__(self, "scales", scales)
        object.__setattr__(self, "layer_ids", tuple(int(layer) for layer in self.layer_ids))
        self._check_shape()
        self._check_values()

    def _check_shape(self) -> None:
        ids = self.layer_ids
        if not ids or list(ids) != sorted(set(ids)) or ids[0] < 0 or ids[-1] > _MAX_LAYER_ID:
            raise KeyScalesError("layer_ids", list(ids), f"ascending, 0 to {_MAX_LAYER_ID}")
        for field, most in (("kv_heads", _MAX_KV_HEADS), ("head_dim", MAX_HEAD_DIM)):
            if not 1 <= getattr(self, field) <= most:
                raise KeyScalesError(field, getattr(self, field), f"1 to {most}")
        expected = (len(ids), self.kv_heads)
        if self.scales.shape != expected:
            limit = f"{list(expected)} (layers, kv_heads)"
            raise KeyScalesError("scales", f"shape {list(self.scales.shape)}", limit)

    def _check_values(self) -> None:
        valid = (self.scales >= MIN_KEY_SCALE) & (self.scales <= MAX_KEY_SCALE)
        if not valid.all():
            layer, head = np.argwhere(~valid)[0]
            field = f"scales of layer {self.layer_ids[layer]}, kv head {head}"
            raise KeyScalesError(field, self.scales[layer, head], "2^-60 to 2^40")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits: the first of the SHA-256 of everything else in the file.

        Scales go in as the bytes of little-endian float32: how numbers are written does not count.
        """
        content = self._head() | {"scales": self.scales.astype("<f4").tobytes().hex()}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def for_layers(
        self, layer_ids: Iterable[int], *, kv_heads: int | None = None, head_dim: int | None = None
    ) -> np.ndarray:
        """The scales of those layers, float32 [layers, kv_heads], as a store takes them.

        Raises KeyScalesError if a layer was not measured, or kv_heads or head_dim, where given, are
        others: then the file is of another model.
        """
        for field, asked in (("kv_heads", kv_heads), ("head_dim", head_dim)):
            if asked is not None and asked != getattr(self, field):
                raise KeyScalesError(field, asked, f"{getattr(self, field)}, as of {self.model}")
        rows = {layer: row for row, layer in enumerate(self.layer_ids)}
        layer_ids = list(layer_ids)
        for layer in layer_ids:
            if layer not in rows:
                limit = f"one of the measured layers {list(self.layer_ids)} of {self.model}"
                raise KeyScalesError("layer_ids", layer, limit)
        return self.scales[[rows[layer] for layer in layer_ids]]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file, whole or not at all."""
        path = pathlib.Path(path)
        unfinished = path.with_name(path.name + ".unfinished")
        unfinished.write_text(self.to_json(), encoding="utf-8")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeyScales:
        """Reads a file. Raises OSError, or KeyScalesError that begins with the path."""
        text = pathlib.Path(path).read_bytes()
        try:
            return cls.from_json(text.decode())
        except KeyScalesError as error:
            raise KeyScalesError(f"{path}: {error.field}", error.value, error.limit) from None
        except UnicodeDecodeError as error:
            raise KeyScalesError(f"{path}: text", error.reason, "UTF-8") from None

    def to_json(self) -> str:
        """The content of the file; one layer a line, numbers that are read back as the same."""
        head = json.dumps(self._head() | {"fingerprint": self.fingerprint}, indent=2)
        rows = zip(self.layer_ids, self.scales, strict=True)
        layers = [f'    "{layer}": [{", ".join(map(_exact, row))}]' for layer, row in rows]
        return head[:-2] + ',\n  "scales": {\n' + ",\n".join(layers) + "\n  }\n}\n"

    @classmethod
    def from_json(cls, text: str) -> KeyScales:
        """Of the content of a file. Raises KeyScalesError if it is not what to_json wrote."""
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise KeyScalesError("text", error, "JSON") from None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise KeyScalesError("format", _said(content, "format"), f'"{FORMAT}"')
        if content.get("version") != VERSION:
            raise KeyScalesError("version", _said(content, "version"), str(VERSION))
        scales = _from_content(cls, content)
        if content.get("fingerprint") != scales.fingerprint:
            limit = f"{scales.fingerprint}, that of the content: the file was edited or damaged"
            raise KeyScalesError("fingerprint", _said(content, "fingerprint"), limit)
        return scales

    def _head(self) -> dict[str, Any]:
        """Everything but scales and fingerprint."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "kv_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "layer_ids": list(self.layer_ids),
            "measured_on": dataclasses.asdict(self.measured_on),
        }


def _exact(scale: np.float32) -> str:
    """The shortest decimal that is this float32, also to readers that go through a double."""
    text = str(scale)
    return text if np.float32(float(text)) == scale else repr(float(scale))


def _said(content: object, field: str) -> object:
    return repr(content[field]) if isinstance(content, dict) and field in content else "missing"


def _from_content(cls: type[KeyScales], content: dict[str, Any]) -> KeyScales:
    layer_ids = _field(content, "layer_ids", list)
    by_layer = _field(content, "scales", dict)
    if any(type(layer) is not int for layer in layer_ids):
        raise KeyScalesError("layer_ids", layer_ids, "integers")
    if list(by_layer) != [str(layer) for layer in layer_ids]:
        raise KeyScalesError("scales", f"of layers {list(by_layer)}", "those of layer_ids")
    measured = _field(content, "measured_on", dict)
    kinds = {"text": str, "text_sha256": str, "positions": int, "dtype": str}
    return cls(
        model=_field(content, "model", str),
        layer_ids=tuple(layer_ids),
        kv_heads=_field(content, "kv_heads", int),
        head_dim=_field(content, "head_dim", int),
        scales=_numbers(list(by_layer.values())),
        measured_on=Measurement(**{name: _field(measured, name, kinds[name]) for name in kinds}),
    )


def _field(content: dict[str, Any], field: str, kind: type) -> Any:
    if type(content.get(field)) is not kind:
        raise KeyScalesError(field, _said(content, field), f"a JSON {_JSON_NAMES[kind]}")
    return content[field]


_JSON_NAMES = {str: "string", int: "integer", list: "array", dict: "object"}


def _numbers(rows: Sequence[object]) -> np.ndarray:
    try:
        return np.array(rows, dtype=np.float32)
    except (TypeError, ValueError):
        raise KeyScalesError("scales", "rows of other things", "rows of kv_heads numbers") from None
