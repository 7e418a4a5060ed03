"""The published contract on a stranger's store."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.typing.stranger import DocumentStore

from memva.testing import StoreContract


class TestDocumentStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[DocumentStore]:
        with closing(DocumentStore()) as store:
            yield store
