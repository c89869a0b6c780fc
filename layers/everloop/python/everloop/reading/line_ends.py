"""Line ends: DuckDB reads one kind of them in a file, people join files that have different ones."""

import re
from pathlib import Path

from everloop.reading.limits import MIB

_CHUNK_BYTES = MIB
_ANY_END = re.compile(rb"\r\n?")


class LineEnds:
    """Counts them, chunk by chunk."""

    def __init__(self) -> None:
        self.longest_line = 0
        """In bytes; exact from a chunk on, lines within one chunk are not looked at."""
        self._line = 0
        self._lf = self._cr = self._crlf = 0
        self._after_cr = False

    def count(self, chunk: bytes) -> None:
        """What lies between quotes counts as well: then the file may only seem mixed."""
        if self._after_cr and chunk.startswith(b"\n"):
            self._crlf += 1
        returns = chunk.count(b"\r") if b"\r" in chunk else 0  # finding none is faster than counting them
        self._cr += returns
        if returns:
            self._crlf += chunk.count(b"\r\n")
        if not self._lf or returns or self._cr:
            self._lf += chunk.count(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        sign = b"\n" if b"\n" in chunk else b"\r"
        first = chunk.find(sign)
        self.longest_line = max(self.longest_line, self._line + (first if first >= 0 else len(chunk)))
        self._line = len(chunk) - chunk.rfind(sign) - 1 if first >= 0 else self._line + len(chunk)

    @property
    def are_mixed(self) -> bool:
        kinds = (self._crlf, self._lf - self._crlf, self._cr - self._crlf)
        return sum(kind > 0 for kind in kinds) > 1


def write_one_kind_of_line_ends(source: Path, target: Path, *, start: int) -> Path:
    """Copy from byte `start` on, each line end outside double quotes as LF; what lies between quotes is not touched."""
    quoted = False
    with source.open("rb") as file, target.open("wb") as copy:
        file.seek(start)
        while chunk := file.read(_CHUNK_BYTES):
            while chunk.endswith(b"\r") and (more := file.read(1)):
                chunk += more
            parts = chunk.split(b'"')
            for place, part in enumerate(parts):
                if quoted == (place % 2 == 1):
                    parts[place] = _ANY_END.sub(b"\n", part)
            quoted ^= len(parts) % 2 == 0
            copy.write(b'"'.join(parts))
    return target
