"""Cost sheets: the shipped one is whole and near what was published; a wrong one is refused with file and key."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from lr_demo.config import PROFILES_FOLDER, load_cost_sheet
from lr_demo.cost_sheet import expected_rows
from lr_demo.cost_sheet_view import show_cost_sheet
from lr_demo.errors import ConfigError

SHIPPED = PROFILES_FOLDER / "costs" / "h100.yaml"


def test_every_input_of_the_shipped_sheet_names_its_source() -> None:
    sheet = load_cost_sheet(str(SHIPPED))
    assert all(given.source for _, given in sheet.named())
    assert [place.name for place in sheet.deployments] == ["8 × H100", "4 × H100"]
    unverified = {name for name, given in sheet.named() if not given.verified}
    assert {"target_ms", "draft_ms", "verdict_ms", "drafted_token_acceptance"} <= unverified


def test_what_was_published_is_within_an_eighth_of_the_prediction() -> None:
    sheet = load_cost_sheet(str(SHIPPED))
    for work in sheet.workloads:
        rows = expected_rows(sheet, sheet.deployments[0], work)
        assert [row.expected.name for row in rows] == ["AR", "SD n-gram", "LR", "LR+SD n-gram", "LR+SD drafted"]
        for row in rows:
            assert row.low <= row.expected.speedup <= row.high
            if row.published is not None:
                assert row.as_published == pytest.approx(row.published, rel=0.125)
                assert row.expected.speedup >= row.as_published - 0.02


def test_a_shared_card_slows_lookahead_alone() -> None:
    sheet = load_cost_sheet(str(SHIPPED))
    eight, four = (expected_rows(sheet, place, sheet.workloads[0]) for place in sheet.deployments)
    slower = [one.expected.speedup > other.expected.speedup + 0.01 for one, other in zip(eight, four, strict=True)]
    assert slower == [False, False, True, False, False]


def test_the_readme_holds_what_the_sheet_says() -> None:
    console = Console(file=StringIO(), width=400)
    show_cost_sheet(console, load_cost_sheet(str(SHIPPED)))
    assert isinstance(console.file, StringIO)
    readme = {line.strip() for line in (PROFILES_FOLDER.parent / "README.md").read_text().splitlines()}
    assert {line.strip() for line in console.file.getvalue().splitlines()} <= readme


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("target_ms:", "target_sec:", "inputs.target_ms: Field required"),
        ("value: 13.1", "value: fast", "inputs.target_ms.value: "),
        ("value: 0.43", "value: 1.43", "AIME24 acceptance is 1.43: it is a share, 1 at most"),
        ("inputs:", "inputs: [", "this is not YAML"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SHIPPED.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_cost_sheet(str(file))
    assert message in str(caught.value)
    assert "mine.yaml" in str(caught.value)


def test_a_sheet_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read.*configs/costs/h100\.yaml"):
        load_cost_sheet(str(tmp_path / "none.yaml"))
