"""The repository as a whole: what is committed, what the wheel holds, what the commands do."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools import check, environment, repository

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def tracked() -> list[Path]:
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip("no git repository: an unpacked archive")
    return [ROOT / name for name in result.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_what_is_built_is_not_committed():
    forbidden = re.compile(
        r"(^|/)(_build|\.venv[^/]*|node_modules|__pycache__|\.ipynb_checkpoints)/|\.(pyc|partial|ckpt|pkl)$"
    )
    assert [path for path in tracked() if forbidden.search(path.relative_to(ROOT).as_posix())] == []


def test_no_file_is_large():
    assert [path for path in tracked() if path.stat().st_size > 1_600_000] == []


def test_nothing_unpickles():
    code = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "coursekit")]
    assert code
    calls = re.compile(r"\bpickle\.loads?\(|weights_only=False|allow_pickle=True|\.data\[?.*\] ?[*+-]?= ")
    assert [path for path in code if calls.search(path.read_text(encoding="utf-8"))] == []


def test_torch_has_a_range_and_no_pin():
    for requirement in PROJECT["dependencies"]:
        assert ">=" in requirement and "==" not in requirement, requirement


def test_the_site_needs_no_torch():
    names = {re.split(r"[<>=\[ ]", requirement)[0] for requirement in environment.requirements("book")}
    assert "jupyter-book" in names
    assert not names & {"torch", "torchvision", "coursekit"}


def test_extras_are_written_out():
    dev = environment.requirements("dev")
    assert not [requirement for requirement in dev if requirement.startswith("coursekit")]
    assert {"nbgrader", "lightning-fabric", "pytest", "jupyterlab"} <= {re.split(r"[<>=\[ ]", name)[0] for name in dev}


def test_versions_agree():
    version = PROJECT["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", "import coursekit; print(coursekit.__version__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == version, result.stderr


def test_the_conda_environment_has_every_dependency():
    import yaml

    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    names = {entry.split()[0] for entry in listed if isinstance(entry, str)}
    wanted = {re.split(r"[<>=]", requirement)[0] for requirement in PROJECT["dependencies"]} - {"torch"}
    assert wanted | {"pytorch-cpu", "jupyter-book", "jupyterlab", "nbval"} <= names


def test_the_conda_environment_asks_for_the_same_versions():
    import yaml

    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    asked = dict(re.fullmatch(r"(\S+) ?(.*)", entry).groups() for entry in listed if isinstance(entry, str))
    stated = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    wanted = dict(re.fullmatch(r"([\w-]+)(?:\[.*\])?(.*)", requirement).groups() for requirement in stated)
    wanted |= {"pytorch-cpu": wanted["torch"], "python": PROJECT["requires-python"]}
    for name, versions in asked.items():
        assert not versions or versions.startswith(wanted[name]), name
    assert asked["pytorch-cpu"] and asked["torchvision"] and {"pip": ["--editable ."]} in listed


LAUNCH = re.compile(
    r"colab\.research\.google\.com/github/([\w.-]+/[\w.-]+)/blob/main/([^\s)\"']*)"
    r"|mybinder\.org/v2/gh/([\w.-]+/[\w.-]+)/main(?:\?(?:urlpath|labpath)=([^\s)\"']*))?"
)


def test_launch_links_and_addresses_are_those_of_this_repository():
    """In every text that is committed; the links of the site's pages are tested on the site."""
    own, launched = repository.current(), 0
    for path in tracked():
        if path.suffix not in (".md", ".ipynb", ".yml", ".toml", ".cff", ".html") or "tests" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for colab, notebook, binder, place in LAUNCH.findall(text):
            launched += 1
            assert (colab or binder) == own, path
            target = re.sub(r"^lab/tree/|^tree/", "", (notebook or place).replace("%2F", "/"))
            assert not target or (ROOT / target).exists(), f"{path}: {target}"
        name = own.split("/")[1]
        assert set(re.findall(rf"github(?:\.com)?/([\w.-]+/{re.escape(name)})\b", text)) <= {own}, path
    assert launched > 0


def test_help_lists_every_command():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(commands) == sorted(re.findall(r"^  (\w+) ", result.stdout, re.MULTILINE))


def test_wheel_holds_the_package_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"coursekit", f"coursekit-{PROJECT['version']}.dist-info"}
    package = [path.relative_to(ROOT).as_posix() for path in tracked() if path.is_relative_to(ROOT / "coursekit")]
    assert set(package) <= set(names)  # bundled data, JavaScript and style sheets too
    assert [name for name in names if name.endswith("LICENSE")]
    assert wheel.stat().st_size < 3_000_000


# --- make repository ---------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nSource = "https://github.com/some-one/a-course"\n')
    (tmp_path / "README.md").write_text(
        "https://colab.research.google.com/github/some-one/a-course/blob/main/x.ipynb\n"
    )
    (tmp_path / "page.md").write_text("https://some-one.github.io/a-course/\r\n", newline="")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xffsome-one/a-course")
    (tmp_path / "untracked.md").write_text("some-one/a-course")
    git("add", "pyproject.toml", "README.md", "page.md", "picture.png")
    return tmp_path


def test_the_address_is_rewritten_everywhere_and_again(clone):
    for new, site in (("Uni/genmodels", "uni.github.io/genmodels"), ("other/name.two", "other.github.io/name.two")):
        changed = repository.rewrite(new, clone)
        assert sorted(path.name for path in changed) == ["README.md", "page.md", "pyproject.toml"]
        assert repository.current(clone) == new
        assert f"github/{new}/blob" in (clone / "README.md").read_text()
        assert (clone / "page.md").read_bytes() == f"https://{site}/\r\n".encode()
    assert (clone / "picture.png").read_bytes() == b"\x89PNG\xffsome-one/a-course"
    assert (clone / "untracked.md").read_text() == "some-one/a-course"


@pytest.mark.parametrize("address", ["", "example.org/a/b", "https://github.com/a", "https://github.com/a/b/c; rm -rf"])
def test_a_wrong_address_is_refused(address):
    result = subprocess.run([sys.executable, ROOT / "tools" / "repository.py", address], capture_output=True, text=True)
    assert result.returncode != 0
    assert "usage" in result.stderr


# --- make test ---------------------------------------------------------------------------------------------------


def step(name, result):
    def run():
        """A step."""
        if isinstance(result, Exception):
            raise result
        return result

    run.__name__ = name
    return run


@pytest.mark.parametrize(
    ("result", "ci", "code", "word"),
    [
        (True, False, 0, "passed"),
        (False, False, 1, "FAILED"),
        (check.CannotRun("no browser"), False, 0, "SKIPPED"),
        (check.CannotRun("no browser"), True, 1, "FAILED"),
    ],
)
def test_what_cannot_run_is_an_error_under_ci_and_a_loud_skip_elsewhere(monkeypatch, capsys, result, ci, code, word):
    monkeypatch.setattr(check, "STEPS", [step("one", True), step("two", result), step("three", True)])
    monkeypatch.setattr(check, "CI", ci)
    assert check.main([]) == code
    printed = capsys.readouterr().out
    assert re.search(rf"^  two +{word}", printed, re.MULTILINE)
    assert re.search(r"^  three +passed", printed, re.MULTILINE)  # a failure stops nothing
    if isinstance(result, check.CannotRun):
        assert "no browser" in printed


def test_an_unknown_step_is_named(capsys):
    with pytest.raises(SystemExit):
        check.main(["stile"])
    assert "stile" in capsys.readouterr().err


def test_ci_runs_make_test():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()
