"""A reader's own Jupyter configuration cannot switch the token off without a word."""

import pytest

from labkit.cli import lab
from labkit.cli.entry import main
from labkit.cli.own_settings import opening

OFF = {
    "jupyter_server_config.py": "c.IdentityProvider.token = ''\n",
    "jupyter_lab_config.py": "c.ServerApp.token = ''\n",
    "jupyter_server_config.json": '{"ServerApp": {"token": ""}}',
    "jupyter_notebook_config.py": "c.NotebookApp.token = ''\n",
    "jupyter_server_config.d/mine.json": '{"IdentityProvider": {"token": ""}}',
}


@pytest.mark.parametrize("name", OFF)
def test_a_token_that_is_switched_off_is_told_with_its_file(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(OFF[name])
    (line,) = opening([str(tmp_path)])
    assert name in line and "switches the token off" in line


@pytest.mark.parametrize("text", ["", "c.ServerApp.port = 1\n", "c.IdentityProvider.token = 'x'\n", "1 / 0"])
def test_other_settings_are_nobodys_business(tmp_path, text):
    (tmp_path / "jupyter_server_config.py").write_text(text)
    assert opening([str(tmp_path)]) == []


def test_a_password_in_its_place_is_enough_and_other_machines_are_told(tmp_path):
    (tmp_path / "jupyter_server_config.py").write_text(
        "c.ServerApp.token = ''\nc.ServerApp.password = 'argon2:x'\nc.ServerApp.ip = '0.0.0.0'\n"
    )
    (line,) = opening([str(tmp_path)])
    assert "other machines" in line


def test_labkit_lab_says_it_before_the_server_starts(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LABKIT_MY", str(tmp_path / "my"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text("c.IdentityProvider.token = ''\n")
    (tmp_path / "my").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("labkit.course.editions.lay_out", lambda folder: [])

    class Started(Exception):
        """In place of becoming the server."""

    def become(*given):
        raise Started

    monkeypatch.setattr(lab.os, "execve", become)
    with pytest.raises(Started):
        main(["lab", "--no-browser"])
    assert "switches the token off" in capsys.readouterr().err
