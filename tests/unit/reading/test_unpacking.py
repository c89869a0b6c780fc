"""Packed files are read whole, or refused before they fill the disk."""

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from everloop.errors import BatchRejectedError
from everloop.reading.limits import MIB, Limits
from everloop.reading.unpacking import find_compression, unpack
from tests.unit.reading.conftest import Read, Refuse

Pack = Callable[[bytes], bytes]
CSV = b"speed,kind,broken\n" + b"".join(b"%d,a,true\n" % number for number in range(2000))


def zstd_compress(body: bytes) -> bytes:
    """With the checksum that the zstd tool writes and the library leaves out."""
    return zstd.compress(body, options={zstd.CompressionParameter.checksum_flag: 1})


PACKS: dict[str, Pack] = {"gzip": gzip.compress, "bzip2": bz2.compress, "zstd": zstd_compress}

every_packing = pytest.mark.parametrize("pack", PACKS.values(), ids=list(PACKS))


@every_packing
def test_streams_behind_one_another_are_one_file(read: Read, pack: Pack) -> None:
    assert len(read(pack(CSV) + pack(b"1,b,true\n") + pack(b""))) == 2001


@every_packing
@pytest.mark.parametrize("damage", [slice(0, -9), slice(0, 40), slice(0, 12)])
def test_a_stream_that_was_cut_off_is_refused(refuse: Refuse, pack: Pack, damage: slice) -> None:
    error = refuse(pack(CSV)[damage])
    assert error.reason == "unreadable_file"
    assert "stream is damaged" in error.detail


@every_packing
def test_a_stream_with_other_bytes_in_it_or_behind_it_is_refused(refuse: Refuse, pack: Pack) -> None:
    packed = pack(CSV)
    assert refuse(packed + b"and more").reason == "unreadable_file"
    middle = len(packed) // 2
    assert refuse(packed[:middle] + b"\xff\x00\xff\x00" + packed[middle + 4 :]).reason == "unreadable_file"


@pytest.mark.parametrize("inner", PACKS.values(), ids=list(PACKS))
@every_packing
def test_an_archive_within_an_archive_is_refused(refuse: Refuse, pack: Pack, inner: Pack) -> None:
    error = refuse(pack(inner(CSV)))
    assert error.reason == "unsupported_format"
    assert "inside an archive" in error.detail


@every_packing
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(unpacked_bytes=3 * MIB), "unpacks_too_large"),
        (Limits(unpacked_bytes=2000 * MIB), "suspicious_ratio"),
    ],
)
def test_a_bomb_is_not_unpacked(tmp_path: Path, pack: Pack, limits: Limits, reason: str) -> None:
    bomb, target = tmp_path / "bomb", tmp_path / "target"
    bomb.write_bytes(pack(b"0" * (36 * MIB)))
    compression = find_compression(bomb)
    assert compression
    with pytest.raises(BatchRejectedError) as error:
        unpack(bomb, compression, target, limits)
    assert error.value.reason == reason
    assert target.stat().st_size <= 40 * MIB


@every_packing
def test_a_small_file_of_one_repeated_line_is_no_bomb(read: Read, pack: Pack) -> None:
    assert len(read(pack(b"speed,kind,broken\n" + b"1,a,true\n" * 100_000))) == 100_000


def test_a_window_of_two_gigabytes_is_refused(refuse: Refuse) -> None:
    window_log = 31
    header = b"\x28\xb5\x2f\xfd\x00" + bytes([(window_log - 10) << 3])
    assert refuse(header + b"\x01\x00\x00").reason == "unreadable_file"


@every_packing
def test_nothing_packed_is_an_empty_file(refuse: Refuse, pack: Pack) -> None:
    assert refuse(pack(b"")).reason == "empty_file"
    assert refuse(pack(b" \n")).reason == "empty_file"
