"""Modules joined into one script: in the order of their needs, under their own names, nothing left out in silence."""

import pytest

from lr_demo.ui.bundle import BundleError, bundle, one_module
from lr_demo.ui.static_files import text_of


def joined(files: dict[str, str], **instead: str) -> str:
    return bundle("main.js", files.__getitem__, instead)


def test_a_module_comes_after_those_it_imports_and_each_only_once() -> None:
    script = joined(
        {
            "main.js": 'import { a } from "./a.js";\nimport { b as c } from "./in/b.js";\nlog(a, c);\n',
            "a.js": 'import { b } from "./in/b.js";\nexport const a = b;\n',
            "in/b.js": "export function b() {}\n",
        }
    )
    assert script.count("function b()") == 1
    assert script.index("function b()") < script.index("const a = b") < script.index("log(a, c)")
    assert "const { b: c } = modules[0];" in script
    assert "return { a };" in script


def test_a_module_can_take_the_place_of_another() -> None:
    files = {"main.js": 'import { a } from "./a.js";\n', "a.js": "import.meta.url;", "b.js": "export const a = 2;\n"}
    script = bundle("main.js", files.__getitem__, {"a.js": "b.js"})
    assert "const a = 2;" in script
    assert "import.meta" not in script


def test_one_module_exports_what_its_entry_does_and_knows_its_address() -> None:
    files = {"a.js": "export const here = import.meta.url;\n"}
    files["main.js"] = 'import { here } from "./a.js";\nexport const there = () => here;\nexport class Page {}\n'
    module = one_module("main.js", files.__getitem__)
    assert module.endswith("export const { there, Page } = modules.at(-1);\n")
    assert "const here = import.meta.url;" in module


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export default 1;\n", "export default"),
        ("const a = 1;\nexport { a };\n", "export { a }"),
        ("export let a = 1;\n", "export let a"),
        ('import "./a.js";\n', 'import "./a.js"'),
        ('const a = await import("./a.js");\n', "import("),
        ("const here = import.meta.url;\n", "import.meta"),
        ('import { a } from "./nothere.js";\n', "nothere.js"),
        ('import { a } from "./main.js";\n', "circle"),
    ],
)
def test_what_cannot_be_joined_is_refused_with_its_name(text: str, said: str) -> None:
    with pytest.raises(BundleError) as refused:
        joined({"main.js": text})
    assert said in str(refused.value)


def test_the_modules_of_the_stage_can_be_joined() -> None:
    script = bundle("js/offline/main.js", text_of, {"js/transport.js": "js/offline/transport.js"})
    assert "class Stage" in script
    assert "EventSource" not in script
    assert "await fetch(" not in script
