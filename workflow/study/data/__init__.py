"""Stage ``data``: fetch datasets, read or mix them into stores, split them, choose subsets."""

from collections.abc import Callable
from pathlib import Path

from e3d import options
from e3d.command_line import Argument, Command, argument
from study.arguments import DEVICE
from study.stage import Stage

_DATASETS = Path("config/datasets.yaml")


def _checksum(name: str, read: Callable[[str], str]) -> Argument:
    return argument(name, "expected checksum; not checked if empty", type=read, default="")


def _only(name: str, text: str) -> Argument:
    return argument(name, text, type=str, nargs="*", default=())


STAGE = Stage(
    "data",
    groups={"data_split": "subsets", "data_subset": "subsets"},
    commands=(
        Command(
            "data fetch",
            "study.data.fetch.sources:fetch_dataset",
            "Download the file of the dataset NAME and check it; a download that was cut resumes.",
            (
                argument("NAME", "a dataset of --datasets", type=str),
                argument("--datasets", "default: %(default)s", default=_DATASETS),
                argument("--url", "fetch from here into -o, without reading --datasets", type=str),
                argument("--bytes", "expected size; not checked if empty", type=options.size),
                _checksum("--md5", options.md5),
                _checksum("--sha256", options.sha256),
            ),
            default_output="default: the dataset's path",
        ),
        Command(
            "data mix",
            "study.data.mix:write_mixture",
            "Mix STORES into one, aligned on isolated atoms.",
            (
                argument("STORES+", "stores to mix"),
                argument(
                    "--shares",
                    "one for each store",
                    nargs="+",
                    required=True,
                    type=options.share,
                    metavar="NAME=SHARE",
                ),
                argument(
                    "--apply-residual", "take the residual per element off", action="store_true"
                ),
            ),
        ),
        Command(
            "data teach",
            "study.data.teach:write_taught",
            "Label the frames of STORE by a MODEL.",
            (argument("STORE", "frames to label"), argument("MODEL", "any file e3d loads"), DEVICE),
        ),
        Command(
            "data split",
            "study.data.split:write_splits",
            "Assign every frame to the training pool, to validation or to a test set.",
            (
                argument("STORE", "store of a dataset"),
                argument("--seed", "of the split", type=options.natural, default=0),
                argument("--test-molecules", "share", type=options.fraction, default=0.15),
                argument("--test-conformations", "share", type=options.fraction, default=0.17),
                argument("--validation", "share", type=options.fraction, default=0.12),
            ),
        ),
        Command(
            "data subset",
            "study.data.subset:write_subset",
            "Choose N frames of the training pool.",
            (
                argument("STORE", "store of a dataset"),
                argument("--splits", "table written by `data split`", required=True),
                argument("--n", "number of frames", type=int, required=True),
                argument("--seed", "of the choice", type=options.natural, default=0),
                argument(
                    "--strategy",
                    "random, smallest or farthest-composition",
                    type=str,
                    default="random",
                ),
                _only("--subsets", "only these subsets of the source"),
                _only("--elements", "only frames of these elements"),
                argument(
                    "--training-molecules",
                    "only these of the pool's molecules, from the first number to before the "
                    "second, in an order by the seed",
                    type=options.natural,
                    nargs=2,
                    default=(),
                ),
                argument("--min-atoms", "of a frame", type=int, default=1),
                argument("--max-atoms", "of a frame; 0: no limit", type=int, default=0),
            ),
        ),
    ),
)
