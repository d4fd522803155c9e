"""LaTeX becomes allow-listed MathML trees, or stays text."""

import pytest

from lr_demo.ui.mathematics import ATTRIBUTES, ELEMENTS, MAX_LATEX_CHARACTERS, MathNode, math_tree


def nodes(tree: MathNode) -> list[MathNode]:
    return [tree, *(found for child in tree[2] if not isinstance(child, str) for found in nodes(child))]


def text(tree: MathNode) -> str:
    return "".join(child if isinstance(child, str) else text(child) for child in tree[2])


def test_a_fraction_is_a_fraction() -> None:
    tree = math_tree(r"\frac{87 - 5}{2} \times 3")
    assert tree is not None
    assert "mfrac" in [name for name, _, _ in nodes(tree)]
    assert text(tree) == "87−52×3"


def test_the_boxed_answer_is_boxed() -> None:
    tree = math_tree(r"\boxed{42}")
    assert tree is not None
    assert ("menclose", {"notation": "box"}) in [(name, attributes) for name, attributes, _ in nodes(tree)]


def test_aligned_equations_are_a_table() -> None:
    tree = math_tree(r"\begin{aligned}a &= b \\ c &= d\end{aligned}", display=True)
    assert tree is not None
    assert [name for name, _, _ in nodes(tree)].count("mtr") == 2
    assert tree[1]["display"] == "block"


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{1",
        r"\unknowncommand{x}",
        "}{",
        r"\left( x",
        r"\begin{aligned} x",
        "",
        "   ",
        "x" * (MAX_LATEX_CHARACTERS + 1),
        "{" * 1500,
    ],
)
def test_what_is_broken_or_unknown_is_no_mathematics(latex: str) -> None:
    assert math_tree(latex) is None


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"<img src=x onerror=alert(1)>",
        r"\text{<script>alert(1)</script>}",
        r"\class{a}{x}",
    ],
)
def test_only_listed_elements_and_attributes_come_out(latex: str) -> None:
    tree = math_tree(latex)
    for name, attributes, _ in nodes(tree) if tree is not None else []:
        assert name in ELEMENTS
        assert set(attributes) <= ATTRIBUTES
        assert not any("javascript" in value for value in attributes.values())
