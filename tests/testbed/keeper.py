"""Runs a command for as long as this process's stdin is open, so that no server outlives the tests that started it.

However pytest ends, even by SIGKILL, the system closes its end of the pipe.
"""

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_the_tests() -> None:
        os.read(0, 1)  # without Python's lock on stdin, which the exit below would wait for
        child.terminate()

    threading.Thread(target=end_with_the_tests, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
