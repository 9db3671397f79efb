"""A process that keeps a tower's clocks: it runs until it is killed, and says what strikes."""

import sys

from tests.timers.clocks import Struck, tower


def main(url: str) -> None:
    with tower.run(url) as session:
        after = 0
        print("running", flush=True)
        while True:
            rings = session._bell.rings
            for event in session.log(after=after):
                after = event.position
                if isinstance(event.data, Struck):
                    print(f"{event.key} {event.data.hand}", flush=True)
            session._bell.wait(rings)


if __name__ == "__main__":
    main(sys.argv[1])
