"""What YAML allows and no file of settings means: refused before a value is read."""

import re
from typing import Any, Final

import yaml

from e3d.errors import InputError, shown

_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 50
_INTEGER, _FLOAT = (f"tag:yaml.org,2002:{name}" for name in ("int", "float"))
_OCTAL: Final = re.compile(r"[-+]?0[0-9_]+")


def require_plain(node: yaml.Node | None, where: str) -> None:
    """Refuse settings whose reading does not end, or gives other values than are written.

    These are a name twice in one place, of which YAML's reader takes the last; an alias of
    something that it stands in; aliases of aliases that stand for more than 100,000 values; more
    than 50 levels; and numbers that YAML 1.1 reads to another base: ``010`` is 8, ``1:40`` is 100.

    Parameters
    ----------
    node
        What PyYAML composed of the text.
    where
        The file, for errors.

    Raises
    ------
    InputError
        Naming where, and the line.
    """
    if node is not None:
        _Count(where).of(node)


def _value(node: yaml.ScalarNode) -> int | float:
    """Return the number that PyYAML makes of a node."""
    makers = yaml.constructor.SafeConstructor()
    make = makers.construct_yaml_int if node.tag == _INTEGER else makers.construct_yaml_float
    number: int | float = make(node)
    return number


class _Count:
    """Counts the values that a node stands for, aliases resolved, and looks at each node once."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._counted: dict[int, int] = {}
        self._open: list[int] = []

    def of(self, node: yaml.Node) -> int:
        """Return the number of values of a node."""
        if id(node) in self._open:
            raise self._refusal(node, "an alias stands inside of what it stands for")
        if id(node) in self._counted:
            return self._counted[id(node)]
        if len(self._open) > _DEEPEST:
            raise self._refusal(node, f"more than {_DEEPEST} levels of lists or mappings")
        self._open.append(id(node))
        count = 1 + sum(map(self.of, self._parts(node)))
        self._open.pop()
        if count > _MOST_VALUES:
            raise self._refusal(node, f"aliases stand for more than {_MOST_VALUES:,} values")
        self._counted[id(node)] = count
        return count

    def _parts(self, node: yaml.Node) -> list[Any]:
        """Return the nodes that stand in a node, which is looked at."""
        if isinstance(node, yaml.MappingNode):
            self._require_once([key for key, _ in node.value])
            return [part for pair in node.value for part in pair]
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if isinstance(node, yaml.ScalarNode):
            self._require_decimal(node)
        return []

    def _require_once(self, keys: list[yaml.Node]) -> None:
        seen = set()
        for key in keys:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise self._refusal(key, f"{shown(key.value)} stands there a second time")
                seen.add(key.value)

    def _require_decimal(self, node: yaml.ScalarNode) -> None:
        number = node.tag in (_INTEGER, _FLOAT)
        if number and (":" in node.value or _OCTAL.fullmatch(node.value)):
            raise self._refusal(
                node,
                f"YAML reads {shown(node.value)} as {_value(node)}; write a number in decimals, a "
                "text in quotes",
            )

    def _refusal(self, node: yaml.Node, reason: str) -> InputError:
        line = node.start_mark.line + 1
        return InputError(f"{self._where}: line {line}: {reason}. Fix it.")
