"""Joins ES modules of ours into one script, for a page that has no server to load them from.

Each module becomes a function that runs once and returns its exports. Only the forms of import and export
that our modules use are known; any other is refused, so that nothing is left out in silence.
"""

import re
from collections.abc import Callable, Mapping
from posixpath import dirname, join, normpath

from lr_demo.errors import LookaheadError

_IMPORT = re.compile(r'^import\s+(?:\{(?P<names>[^}]*)\}|\*\s+as\s+(?P<all>\w+))\s+from\s+"(?P<path>[^"]+)";', re.M)
_EXPORT = re.compile(r"^export\s+(?=(?:async\s+)?(?:function|class|const)\b)", re.M)
_EXPORTED = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|class|const)\s+([\w$]+)", re.M)
_LEFT = re.compile(r"^\s*(?:import|export)\b(?!\()[^\n]*|\bimport\s*\(|\bimport\.meta\b", re.M)


class BundleError(LookaheadError):
    """A module cannot be joined with the others."""


def bundle(entry: str, read: Callable[[str], str], instead: Mapping[str, str]) -> str:
    """One script of the module `entry` and all it imports.

    `read` gives a module's text by its path; `instead` names modules that take the place of others.

    Raises:
        BundleError: a module is not there, imports in a circle, or has a form of import or export that is not known.
    """
    joined: dict[str, str] = {}
    _join(entry, read, instead, joined, [])
    modules = "".join(f"modules[{number}] = (() => {{\n{text}}})();\n" for number, text in enumerate(joined.values()))
    return f'"use strict";\n(() => {{\nconst modules = [];\n{modules}}})();\n'


def _join(
    name: str, read: Callable[[str], str], instead: Mapping[str, str], joined: dict[str, str], above: list[str]
) -> None:
    """Adds a module after those it imports."""
    if name in joined:
        return
    if name in above:
        raise BundleError(f"the modules {' → '.join([*above, name])} import each other in a circle")
    try:
        source = read(name)
    except KeyError:
        raise BundleError(f"there is no module {name!r}, which {above[-1] if above else 'the page'} needs") from None
    replaced = source
    for found in list(_IMPORT.finditer(source)):
        path = normpath(join(dirname(name), found["path"]))
        needed = instead.get(path, path)
        _join(needed, read, instead, joined, [*above, name])
        number = list(joined).index(needed)
        wanted = found["all"] or "{ " + (found["names"] or "").replace(" as ", ": ").strip() + " }"
        replaced = replaced.replace(found[0], f"const {wanted} = modules[{number}];", 1)
    exports = _EXPORTED.findall(source)
    replaced = _EXPORT.sub("", replaced)
    left = _LEFT.search(replaced)
    if left is not None:
        raise BundleError(f"module {name}: the form {left[0].strip()!r} cannot be joined into one script")
    joined[name] = f"{replaced}\nreturn {{ {', '.join(exports)} }};\n"
