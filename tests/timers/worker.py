"""A process that keeps a tower's clocks: it runs until it is killed, and says what strikes."""

import sys
import threading

from tests.timers.clocks import Struck, tower


def main(url: str) -> None:
    rest = threading.Event()
    with tower.run(url) as session:
        after = 0
        print("running", flush=True)
        while True:
            for event in session.log(after=after):
                after = event.position
                if isinstance(event.data, Struck):
                    print(f"{event.key} {event.data.hand}", flush=True)
            rest.wait(session.backend.poll_s)  # another process's commits can only be looked for


if __name__ == "__main__":
    main(sys.argv[1])
