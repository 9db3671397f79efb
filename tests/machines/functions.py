"""The function `tasks` of the stand-in's machines: the workflows of the test, on the store that the environment names."""

from __future__ import annotations

import json
import os
from pathlib import Path

from leftfold.lambdas import tasks
from tests.machines.dice import REAL, app_of, draw

handler = tasks(app_of([draw(seed, REAL, Path(os.environ["MENDED"])) for seed in json.loads(os.environ["SEEDS"])]))
