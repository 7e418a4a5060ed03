"""The published contract: each promise is run, none hidden by another of the same name."""

import inspect
from collections import Counter

import memva.testing


def test_no_test_of_the_contract_hides_another() -> None:
    classes = {
        part
        for name in memva.testing.__all__
        if inspect.isclass(whole := getattr(memva.testing, name))
        for part in whole.__mro__
    }
    names = Counter(name for part in classes for name in vars(part) if name.startswith("test_"))
    assert [name for name, number in names.items() if number > 1] == []
