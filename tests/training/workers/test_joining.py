"""When a command trains with the workers that the environment names."""

from pathlib import Path

import pytest
from loopback_workers import free_port

import cnnxfer
from cnnxfer.errors import ConfigError, RunError


@pytest.mark.parametrize("name", ["unfreeze", "resume"])
def test_a_run_goes_on_with_others_only_where_that_is_asked_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"RANK": 1, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    for variable, value in {**variables, "MASTER_PORT": free_port()}.items():
        monkeypatch.setenv(variable, str(value))
    function = getattr(cnnxfer, name)
    with pytest.raises(ConfigError, match="no run"):
        function("nosuch", runs_dir=tmp_path, reporter=None)
    with pytest.raises(RunError, match="worker 0 of 2 has not come"):
        function("nosuch", devices="all", wait=0.1, runs_dir=tmp_path, reporter=None)
