"""`make exercises`: writes what is out of step, and with --check says so instead."""

import shutil

import pytest

from tools import make_exercises
from tools.make_exercises import ROOT, main


@pytest.fixture
def root(tmp_path):
    """A repository with one master."""
    folder = tmp_path / "solutions" / "density" / "kl-divergence"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "solutions" / "density" / "kl-divergence" / "kl-divergence.ipynb", folder)
    return tmp_path


def test_what_is_out_of_step_is_told_and_then_written(root, capsys):
    student = root / "exercises" / "density" / "kl-divergence.ipynb"
    assert main(["--check"], root) == 1
    assert "kl-divergence.ipynb is not what its master generates" in capsys.readouterr().err
    assert not student.exists()
    assert main([], root) == 0
    assert main(["--check"], root) == 0
    first = student.read_bytes()
    student.write_bytes(first + b" ")
    assert main(["--check"], root) == 1
    assert main([], root) == 0
    assert student.read_bytes() == first
    assert list(student.parent.iterdir()) == [student]


def test_a_student_notebook_without_a_master_is_told(root, capsys):
    main([], root)
    (root / "exercises" / "density" / "old.ipynb").write_text("{}")
    assert main(["--check"], root) == 1
    assert "exercises/density/old.ipynb has no master" in capsys.readouterr().err


def test_a_master_has_the_name_of_its_folder(root):
    folder = root / "solutions" / "density" / "kl-divergence"
    (folder / "kl-divergence.ipynb").rename(folder / "kl.ipynb")
    with pytest.raises(ValueError, match="must have the name of its folder"):
        make_exercises.masters(root)
