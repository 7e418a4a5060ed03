"""A projects folder beside the session store."""

from pathlib import Path

import pytest
from tests.importing.conftest import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "claude")
