"""Other addresses of the same file, for a server that answers with something else.

figshare serves a file at three addresses. Since 2026 the one on its web pages, which papers and
READMEs give, answers programs with 202 and no bytes: a check that only a browser passes.
"""

import re
from typing import Final

from requests import Response

_FIGSHARE: Final = re.compile(
    r"https://(?:figshare\.com/ndownloader/files|ndownloader\.figshare\.com/files"
    r"|api\.figshare\.com/v2/file/download)/(\d+)"
)
_HOSTS: Final = (
    "https://ndownloader.figshare.com/files/{}",
    "https://api.figshare.com/v2/file/download/{}",
    "https://figshare.com/ndownloader/files/{}",
)
_NOT_FOR_PROGRAMS: Final = (202, 403)


def addresses(url: str) -> list[str]:
    """Return ``url`` and the other addresses of the same file, in the order to ask them.

    >>> addresses("https://figshare.com/ndownloader/files/7")[1]
    'https://ndownloader.figshare.com/files/7'
    >>> addresses("https://zenodo.org/records/7/files/a.hdf5")
    ['https://zenodo.org/records/7/files/a.hdf5']
    """
    match = _FIGSHARE.fullmatch(url)
    others = [host.format(match[1]) for host in _HOSTS] if match else []
    return [url, *(other for other in others if other != url)]


def is_no_file(response: Response) -> bool:
    """Say whether a server answered a program with a check for browsers, or not at all."""
    return response.status_code in _NOT_FOR_PROGRAMS
