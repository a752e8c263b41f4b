"""Makes `pytest --nbval NOTEBOOK` compare numbers within a tolerance (tests/notebooks/comparison.py)."""

pytest_plugins = ["pytester", "tests.notebooks.comparison"]
