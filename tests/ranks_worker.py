"""Train several rendered configs in turn in the same ranks; tests start it by ``torchrun``.

A config whose folder is named ``same`` is trained with ranks that all take the first one's frames.
"""

import sys
from pathlib import Path

from e3d.options import read_yaml
from study.train import feed
from study.train.launch import nequip_train
from study.train.ranks import as_rank

if __name__ == "__main__":
    right = feed.rank_and_number
    for config_file in map(Path, sys.argv[1:]):
        work = config_file.parent
        feed.rank_and_number = (lambda: (0, right()[1])) if work.name == "same" else right
        nequip_train(as_rank(read_yaml(config_file)), work)
