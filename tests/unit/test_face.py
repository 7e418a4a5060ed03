"""The public face: what it lists, what it loads, and the arrows between the rooms."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import pytest

import memva
import memva.aio
import memva.claude_sdk
import memva.domain
import memva.testing
import memva.worker

LAZY = [memva, memva.domain]
FACES = [memva, memva.aio, memva.claude_sdk, memva.domain, memva.testing, memva.worker]


def test_importing_memva_loads_no_adapter() -> None:
    code = (
        "import sys, memva;"
        "print([m for m in sys.modules if m.startswith('memva.adapters') or m in "
        "('sqlite3', '_sqlite3', 'cattrs', 'asyncio', 'uuid', 'hashlib', 'click', 'pytest')])"
    )
    output = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.strip() == "[]"


@pytest.mark.parametrize("face", LAZY, ids=lambda face: face.__name__)
def test_what_is_listed_is_what_the_type_checker_sees(face: ModuleType) -> None:
    """The names stand in three places: for people, for type checkers, and for whoever runs it."""
    tree = ast.parse(Path(str(face.__file__)).read_text())
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen) == sorted(face.__all__)
    for name, module in seen.items():
        assert getattr(face, name) is getattr(import_module(str(module)), name)
    assert set(face.__all__) <= set(dir(face))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        face.nothing  # noqa: B018  # asking for it is the test


@pytest.mark.parametrize("face", LAZY, ids=lambda face: face.__name__)
def test_no_module_takes_the_place_of_what_is_listed(face: ModuleType) -> None:
    """A module that is loaded becomes an attribute of its package, under its own name."""
    modules = {module.name for module in iter_modules(face.__path__)}
    assert modules & set(face.__all__) == set()


def test_importing_memva_loads_nothing_that_is_not_asked_for() -> None:
    code = (
        "import sys, memva; before = [m for m in sys.modules if m.startswith(('memva.', 'attr'))];"
        "memva.create_session; print(before, 'memva.services.health' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "['memva.faces'] False"


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_everything_public_is_listed_and_documented(face: ModuleType) -> None:
    names = face.__all__
    assert names == sorted(
        set(names), key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in names:
        thing = getattr(face, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


def test_every_function_takes_the_store_or_the_events_first_and_the_rest_by_name() -> None:
    may_be_positional = {
        "store",
        "session_id",
        "session_ids",
        "job_id",
        "job",
        "status",
        "events",
        "jobs",
        "uuids",
    }
    may_be_positional |= {
        "checkpoint",
        "claude_session_id",
        "error",
        "result",
        "results",
        "sightings",
    }
    may_be_positional |= {"content", "key", "message", "query", "sightings", "source", "stream"}
    may_be_positional |= {"lines", "sink", "stored", "target", "tool_use_id", "transcript"}
    for name in memva.__all__:
        function = getattr(memva, name)
        if inspect.isfunction(function):
            is_service = function.__module__.startswith("memva.services.")
            parameters = list(inspect.signature(function).parameters.values())
            assert parameters[0].name == ("store" if is_service else "events"), name
            positional = {p.name for p in parameters if p.kind is not p.KEYWORD_ONLY}
            assert positional <= may_be_positional, name


def test_arrows_run_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    # In a process of its own, as it leaves a thread behind that draws its progress.
    output = subprocess.run([command, "--no-cache"], capture_output=True, text=True, check=False)
    assert output.returncode == 0, output.stdout
