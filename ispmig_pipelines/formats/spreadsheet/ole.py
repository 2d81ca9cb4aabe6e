"""The container of the old Office documents: a small file system of streams in one file.

Source: [MS-CFB] 2.2 (header), 2.3 (sector allocation), 2.6 (directory).
"""

from __future__ import annotations

import struct

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR = 0xFFFFFFFA
_STREAM, _ROOT = 2, 5


class OleFile:
    """The streams of one container, by name."""

    def __init__(self, data: bytes) -> None:
        """Reads the directory.

        Raises:
            ValueError: the container is cut short or damaged.
        """
        if not data.startswith(OLE_MAGIC) or len(data) < 512:
            raise ValueError("no container")
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift > shift:
            raise ValueError("no such size of sectors")
        self._size, self._mini_size = 1 << shift, 1 << mini_shift
        (directory,) = struct.unpack_from("<I", data, 48)
        self._cutoff, mini_table, _, extra, extra_count = struct.unpack_from("<5I", data, 56)
        self._table = self._allocation(extra, extra_count)
        self._entries: dict[str, tuple[int, int]] = {}
        self._mini = b""
        self._read_directory(self._chain(directory))
        mini = self._chain(mini_table) if mini_table < _LAST_SECTOR else b""
        self._mini_table = struct.unpack(f"<{len(mini) // 4}I", mini[: len(mini) // 4 * 4])

    @property
    def names(self) -> list[str]:
        """Names of its streams, as they are written."""
        return list(self._entries)

    def stream(self, name: str) -> bytes:
        """The content of a stream, whatever the case of its name.

        Raises:
            KeyError: there is none.
            ValueError: it is cut short or damaged.
        """
        start, size = {key.lower(): value for key, value in self._entries.items()}[name.lower()]
        content = self._small(start) if size < self._cutoff else self._chain(start)
        if len(content) < size:
            raise ValueError("a stream ends too early")
        return content[:size]

    def _sector(self, number: int) -> bytes:
        begin = (number + 1) * self._size
        sector = self._data[begin : begin + self._size]
        if not sector:
            raise ValueError("a sector lies behind the end")
        return sector

    def _allocation(self, extra: int, extra_count: int) -> tuple[int, ...]:
        """Which sector follows on each sector."""
        listed = list(struct.unpack_from("<109I", self._data, 76))
        per_sector = self._size // 4
        for _ in range(min(extra_count, len(self._data) // self._size)):
            if extra >= _LAST_SECTOR:
                break
            more = struct.unpack(f"<{per_sector}I", self._sector(extra).ljust(self._size, b"\xff"))
            listed += more[:-1]
            extra = more[-1]
        table: list[int] = []
        for number in listed:
            if number < _LAST_SECTOR:
                sector = self._sector(number).ljust(self._size, b"\xff")
                table += struct.unpack(f"<{per_sector}I", sector)
        return tuple(table)

    def _chain(self, number: int) -> bytes:
        sectors = []
        seen = 0
        while number < _LAST_SECTOR:
            sectors.append(self._sector(number))
            seen += 1
            if number >= len(self._table) or seen > len(self._table):
                raise ValueError("a chain of sectors does not end")
            number = self._table[number]
        return b"".join(sectors)

    def _small(self, number: int) -> bytes:
        size = self._mini_size
        parts = []
        while number < _LAST_SECTOR:
            parts.append(self._mini[number * size : (number + 1) * size])
            if number >= len(self._mini_table) or len(parts) > len(self._mini_table):
                raise ValueError("a chain of sectors does not end")
            number = self._mini_table[number]
        return b"".join(parts)

    def _read_directory(self, directory: bytes) -> None:
        for at in range(0, len(directory) // 128 * 128, 128):
            entry = directory[at : at + 128]
            length, kind = struct.unpack_from("<HB", entry, 64)
            start, size = struct.unpack_from("<II", entry, 116)
            name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
            if kind == _STREAM:
                self._entries.setdefault(name, (start, size))
            elif kind == _ROOT and start < _LAST_SECTOR:
                self._mini = self._chain(start)
