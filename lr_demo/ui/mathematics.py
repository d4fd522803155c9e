"""LaTeX to MathML, as a tree of allow-listed nodes that the page turns into DOM nodes.

Model text is untrusted: the tree holds element names and attributes of the lists below and text,
never markup. What does not convert cleanly is None, and the page then shows the source as text.
"""

import re
from functools import lru_cache
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

MAX_LATEX_CHARACTERS = 2_000
MAX_BATCH = 256

ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "math mrow mi mn mo mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover munderover "
        "mmultiscripts mprescripts mtable mtr mtd mstyle mpadded mphantom menclose",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"\w+",
        "display displaystyle scriptlevel mathvariant stretchy fence form accent accentunder columnalign "
        "width linethickness minsize maxsize lspace rspace movablelimits notation",
    )
)
_CHILDREN = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
"""How many children these elements need; one that has another number is broken LaTeX."""
_ENVIRONMENTS = {"aligned": "split", "gathered": "split", "gather": "split", "gather*": "split", "align": "align*"}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([a-z*]+)\}")

MathNode = tuple[str, dict[str, str], list["MathNode | str"]]
"""Element name, attributes, children."""


class _BrokenLatex(ValueError):
    """This source is not shown as mathematics."""


@lru_cache(maxsize=4096)
def math_tree(latex: str, *, display: bool = False) -> MathNode | None:
    """The MathML of a LaTeX expression without its delimiters; None where it is broken or unknown."""
    if not latex.strip() or len(latex) > MAX_LATEX_CHARACTERS:
        return None
    source = _ENVIRONMENT.sub(lambda m: f"\\{m[1]}{{{_ENVIRONMENTS.get(m[2], m[2])}}}", latex)
    try:
        element = convert_to_element(source, display="block" if display else "inline")
        return _node(element)
    except Exception:  # a third-party parser on hostile text: whatever it raises, the source is shown as text
        return None


def _node(element: Element) -> MathNode:
    name = element.tag
    if name not in ELEMENTS:
        raise _BrokenLatex(name)
    children: list[MathNode | str] = [_node(child) for child in element]
    if name in _CHILDREN and len(children) != _CHILDREN[name]:
        raise _BrokenLatex(name)
    text = element.text or ""
    if name == "mi" and len(text) > 1 and text.startswith("\\"):
        raise _BrokenLatex(text)  # a command the converter does not know
    if text.strip() or (text and not children):
        children.insert(0, _unescape(text))
    return name, {key: value for key, value in element.attrib.items() if key in ATTRIBUTES}, children


_REFERENCE = re.compile(r"&#x([0-9A-Fa-f]{1,6});")


def _unescape(text: str) -> str:
    """The converter writes characters as references, and leaves them for a later unescape."""
    return _REFERENCE.sub(lambda m: chr(int(m[1], 16)), text)
