import socket

from click.testing import CliRunner

from kinetoscope.cli.main import main


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_a_folder_without_a_report_is_refused(tmp_path):
    done = run("serve", tmp_path, "--no-open")
    assert done.exit_code == 1
    assert f"hint:     kinetoscope report {tmp_path}" in done.output


def test_a_port_that_is_taken_is_refused(tmp_path):
    (tmp_path / "index.html").write_text("")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", tmp_path, "--no-open", "--port", taken.getsockname()[1])
    assert done.exit_code == 1
    assert "port" in done.output
