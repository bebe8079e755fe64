"""`sonde data`: what there is, and what is there already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sonde.app import cli
from sonde.data.public.catalogue import SETS


def test_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert all(found.name in out for found in SETS)
    assert cli.run(["data", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["sets"]
    assert [found["name"] for found in told] == [found.name for found in SETS]
    assert all(len(file["sha256"]) == 64 for found in told for file in found["files"])


def test_a_set_that_is_there_is_shown_with_its_recipe(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SONDE_DATA", str(shared_data))
    assert cli.run(["data", "get", "california-housing"]) == 0
    out = capsys.readouterr().out
    assert f"{shared_data}/california-housing/housing.csv.gz   1.4 MB, SHA-256 verified" in out
    assert "licence    Apache 2.0" in out


def test_an_unknown_set_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["data", "get", "mnits"]) == 2
    assert "Did you mean 'mnist'?" in capsys.readouterr().err
