"""Joins ES modules of ours into one script: for a page that has no server to load them from, and for one that has.

From a server one file is there sooner than eighty, each of which names the next.

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
_LEFT_IN_MODULE = re.compile(r"^\s*(?:import|export)\b(?![(.])[^\n]*|\bimport\s*\(", re.M)
_LEFT = re.compile(rf"{_LEFT_IN_MODULE.pattern}|\bimport\.meta\b", re.M)


class BundleError(LookaheadError):
    """A module cannot be joined with the others."""


def bundle(entry: str, read: Callable[[str], str], instead: Mapping[str, str]) -> str:
    """One script of the module `entry` and all it imports.

    `read` gives a module's text by its path; `instead` names modules that take the place of others.

    Raises:
        BundleError: a module is not there, imports in a circle, or has a form of import or export that is not known.
    """
    return f'"use strict";\n(() => {{\n{_joined(entry, read, instead, _LEFT)}}})();\n'


def one_module(entry: str, read: Callable[[str], str]) -> str:
    """The same as a module that exports what `entry` does. It is to be served from the folder of those that are joined.

    Raises:
        BundleError: as above.
    """
    names = ", ".join(_EXPORTED.findall(read(entry)))
    return f"{_joined(entry, read, {}, _LEFT_IN_MODULE)}export const {{ {names} }} = modules.at(-1);\n"


def _joined(entry: str, read: Callable[[str], str], instead: Mapping[str, str], left: re.Pattern[str]) -> str:
    """Statements that fill `modules`, the entry last."""
    joined: dict[str, str] = {}
    _join(entry, read, instead, left, joined, [])
    modules = (f"modules[{number}] = (() => {{\n{text}}})();\n" for number, text in enumerate(joined.values()))
    return "".join(["const modules = [];\n", *modules])


def _join(
    name: str,
    read: Callable[[str], str],
    instead: Mapping[str, str],
    left: re.Pattern[str],
    joined: dict[str, str],
    above: list[str],
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
        _join(needed, read, instead, left, joined, [*above, name])
        number = list(joined).index(needed)
        wanted = found["all"] or "{ " + (found["names"] or "").replace(" as ", ": ").strip() + " }"
        replaced = replaced.replace(found[0], f"const {wanted} = modules[{number}];", 1)
    exports = _EXPORTED.findall(source)
    replaced = _EXPORT.sub("", replaced)
    unknown = left.search(replaced)
    if unknown is not None:
        raise BundleError(f"module {name}: the form {unknown[0].strip()!r} cannot be joined into one script")
    joined[name] = f"{replaced}\nreturn {{ {', '.join(exports)} }};\n"
