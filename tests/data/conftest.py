import pytest


@pytest.fixture(autouse=True)
def _no_user_cache(monkeypatch):
    monkeypatch.setenv("DYNAPDEPLOY_CACHE", "off")
