"""Runs a server for as long as this process's stdin is open, so that it doesn't outlive the tests that started it.

    keeper.py FOLDER COMMAND...

However pytest ends, even by SIGKILL, the system closes its end of the pipe; then the server ends and its folder goes.
"""

import os
import shutil
import subprocess
import sys
import threading

POLITELY_S = 5.0


def main(folder: str, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    tests_are_over = threading.Event()

    def end_with_the_tests() -> None:
        os.read(0, 1)  # without Python's lock on stdin, which the exit below would wait for
        tests_are_over.set()
        server.terminate()
        try:
            server.wait(POLITELY_S)
        except subprocess.TimeoutExpired:
            server.kill()

    threading.Thread(target=end_with_the_tests, daemon=True).start()
    status = server.wait()
    if tests_are_over.is_set():  # else it failed, and its log is still to be read
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
