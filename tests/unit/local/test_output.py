"""What a function prints is there with its answer, and however much it prints, it is not blocked."""

import queue
import subprocess
import sys
import threading

from local.cloud.runtime import Output

PRINTING = "import sys\nfor number in range(50_000): print(number)\nsys.stdout.write('no newline')"


def test_all_lines_come_in_order_whoever_reads_them() -> None:
    lines: queue.Queue[str] = queue.Queue()
    with subprocess.Popen([sys.executable, "-c", PRINTING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = Output(process.stdout, lines)
        pump = threading.Thread(target=output.read_to_the_end)
        pump.start()
        while output.read():
            pass
        pump.join()
    assert [*lines.queue] == [*map(str, range(50_000)), "no newline"]


def test_what_was_printed_is_read_without_waiting_for_more() -> None:
    lines: queue.Queue[str] = queue.Queue()
    talking = "input(); print('before'); input()"
    with subprocess.Popen([sys.executable, "-uc", talking], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        output = Output(process.stdout, lines)
        assert output.read()
        assert lines.empty()
        process.stdin.write(b"\n")
        process.stdin.flush()
        while lines.empty():
            assert output.read()
        assert lines.get() == "before"
        process.stdin.write(b"\n")


def test_the_newest_lines_are_kept_when_nobody_takes_them() -> None:
    lines: queue.Queue[str] = queue.Queue(maxsize=10)
    with subprocess.Popen([sys.executable, "-c", PRINTING], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        Output(process.stdout, lines).read_to_the_end()
    assert [*lines.queue] == [*map(str, range(49_991, 50_000)), "no newline"]
