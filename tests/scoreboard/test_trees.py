"""A release's two trees, as Python imports them."""

import subprocess

from scoreboard import trees
from scoreboard.trees import Tree


def test_trees_are_ordered_by_release_and_published_first():
    names = [tree.name for tree in trees.every(["0.10.0", "0.6.0"])]
    assert names == ["0.6.0-published", "0.6.0-patched", "0.10.0-published", "0.10.0-patched"]


def test_pins_change_where_the_dependencies_do():
    pins = [Tree(release, False).pins for release in ("0.6.0", "0.9.3", "0.10.0", "0.11.0")]
    assert pins == ["0.6.0", "0.6.0", "0.11.0", "0.11.0"]


def test_a_tree_is_laid_out_as_if_installed(tmp_path):
    checkout = tmp_path / "checkout"
    (checkout / "guardrails").mkdir(parents=True)
    module = checkout / "guardrails" / "__init__.py"
    (checkout / "PKG-INFO").write_text("Name: guardrails-ai\n")
    for content, command in (("published", ["tag", "upstream"]), ("patched", ["status"])):
        module.write_text(content)
        _commit(checkout)
        _git(checkout, *command)
    places = [trees.lay_out(Tree("0.6.0", p), checkout, tmp_path) for p in (False, True)]
    texts = [(place / "guardrails" / "__init__.py").read_text() for place in places]
    assert texts == ["published", "patched"]
    about = places[0] / "guardrails_ai-0.6.0.dist-info" / "METADATA"
    assert about.read_text() == "Name: guardrails-ai\n"


def _commit(checkout):
    _git(checkout, "init", "--quiet")
    _git(checkout, "add", ".")
    _git(checkout, "commit", "--quiet", "-m", "a state")


def _git(checkout, *arguments):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(checkout), *who, *arguments], check=True, capture_output=True)
