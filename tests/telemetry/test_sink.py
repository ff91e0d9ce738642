"""The sink: in order, bounded, and never in anybody's way."""

from __future__ import annotations

import io
import os
import threading
import time

from luota_svc.telemetry import sink as sinks
from luota_svc.telemetry.sink import LineSink


def test_lines_of_many_threads_come_out_whole_and_each_threads_in_order():
    stream = io.BytesIO()
    sink = LineSink(stream)
    threads = [
        threading.Thread(target=lambda who=who: [sink.write(b"%d %d\n" % (who, count)) for count in range(500)])
        for who in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.flush(5)
    sink.close()
    lines = [tuple(map(int, line.split())) for line in stream.getvalue().splitlines()]
    assert len(lines) == 2_000
    for who in range(4):
        assert [count for one, count in lines if one == who] == list(range(500))


def test_a_pipe_that_nobody_reads_costs_lines_and_no_time(monkeypatch):
    monkeypatch.setattr(sinks, "BUFFER_BYTES_MAX", 100_000)
    reading, writing = os.pipe()
    dropped: list[int] = []
    with io.FileIO(writing, "wb") as stream:
        sink = LineSink(stream, on_dropped=dropped.append)
        began = time.perf_counter()
        for _ in range(5_000):
            sink.write(b"x" * 99 + b"\n")
        assert not sink.flush(0.05)
        assert time.perf_counter() - began < 2
        assert sum(dropped) >= 3_000
        taken = 0
        while taken < (5_000 - sum(dropped)) * 100:
            taken += len(os.read(reading, 65_536))
        assert sink.flush(5)
        sink.close()
    os.close(reading)
    assert taken == (5_000 - sum(dropped)) * 100


def test_a_pipe_whose_reader_left_ends_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    dropped: list[int] = []
    with io.FileIO(writing, "wb") as stream:
        sink = LineSink(stream, on_dropped=dropped.append)
        sink.write(b"x\n")
        assert sink.flush(5)
        sink.close()
    assert dropped == [1]


class Stutter:
    """A non-blocking stream that is full every other time and takes three bytes at once."""

    def __init__(self) -> None:
        self.taken = b""
        self.full = False

    def write(self, data: bytes | memoryview, /) -> int | None:
        self.full = not self.full
        if self.full:
            return None
        self.taken += bytes(data[:3])
        return min(3, len(data))


def test_a_stream_that_takes_little_at_a_time_gets_everything():
    stream = Stutter()
    sink = LineSink(stream)
    sink.write(b"hello, world\n")
    assert sink.flush(5)
    sink.close()
    assert stream.taken == b"hello, world\n"


def test_closing_writes_what_is_left_and_takes_no_more():
    stream = io.BytesIO()
    dropped: list[int] = []
    sink = LineSink(stream, on_dropped=dropped.append)
    sink.write(b"last\n")
    sink.close()
    sink.close()
    sink.write(b"late\n")
    assert stream.getvalue() == b"last\n"
    assert dropped == [1]
