"""An example's modules import each other by their bare names, as they do when the example is run in its own folder."""

import sys
from pathlib import Path

for folder in Path(__file__).parent.iterdir():
    if folder.is_dir():
        sys.path.append(str(folder))
