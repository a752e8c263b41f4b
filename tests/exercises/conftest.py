"""One process runs all submissions of a test session: importing torch takes longer than everything else."""

import pytest

from tests.exercises.marking import Process


@pytest.fixture(scope="session")
def process():
    process = Process()
    yield process
    process.close()
