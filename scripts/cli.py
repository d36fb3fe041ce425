"""The command line: `python -m scripts <command>`; the Makefile's targets call it."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import errors, lock
from scripts.errors import Failure
from scripts.layout import ROOT, Layout

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 if all is well, 1 after a failure, 2 for wrong usage, 130 if interrupted.
    """
    # A stop from outside takes the same way out as Ctrl-C, so that half-built trees go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(Layout(options.root.resolve()), options))
    except Failure as failure:
        return _failed([str(failure)])
    except OSError as error:
        return _failed([errors.reason(error)])
    except KeyboardInterrupt:
        _failed(["interrupted: nothing is left half done"])
        return _INTERRUPTED


def _failed(failures: Sequence[str]) -> int:
    # What is wrong with the machine, every release complains of.
    for failure in dict.fromkeys(failures):
        print("error:", " ".join(failure.splitlines()), file=sys.stderr)
    return int(bool(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts", description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, command, text in (
        ("apply-patches", _apply, "make the vendored trees from the lock and the series"),
        ("refresh-patches", _refresh, "export a tree's commits back to the series"),
        ("check-patches", _check, "lint the patches and rebuild every tree from them"),
        ("lock", _lock, "add a release to the lock, or refresh its entry"),
        ("pr", _pr, "make a stack of branches in a clone of upstream, and the texts for them"),
        ("wheel", _wheel, "build the newest patched release's wheel, or others'"),
        ("wheelhouse", _wheelhouse, "build every wheel, and an index of them"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        if name == "pr":
            sub.add_argument("upstream", type=Path, help="the clone's folder")
            sub.add_argument("--gates", action="store_true", help="run upstream's own gates, too")
            sub.add_argument("--replace", action="store_true", help="make own branches anew")
            continue
        sub.add_argument("--release", required=name == "lock", help="one release, such as 0.11.0")
        sub.add_argument("--sdists", "--find-links", type=Path, help="sdists to use offline")
        if name == "apply-patches":
            sub.add_argument("--force", action="store_true", help="rebuild, losing edits")
        if name == "wheel":
            sub.add_argument("--all", action="store_true", help="every locked release")
    return parser


def _apply(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import apply, report

    locked = lock.load(layout.lock)
    how = apply.Options(options.force, options.sdists)
    outcomes = apply.apply(layout, locked, _chosen(locked, options.release), how)
    rows = [
        (o.version, str(o.patches), o.done, f"pip install ./{layout.shown(layout.tree(o.version))}")
        for o in outcomes
        if o.done
    ]
    if rows:
        report.table(("release", "patches", "tree", "next"), rows)
    return _failed([outcome.failure for outcome in outcomes if outcome.failure])


def _refresh(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import refresh

    locked = lock.load(layout.lock)
    chosen = _chosen(locked, options.release)[0] if options.release else None
    for text in refresh.refresh(layout, locked, chosen, options.sdists):
        print(text)
    return 0


def _check(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import check

    locked = lock.load(layout.lock)
    chosen = _chosen(locked, options.release)
    problems = check.check(layout, locked, chosen, options.sdists)
    if not problems:
        print(f"patches: no problems in {len(chosen)} {'tree' if len(chosen) == 1 else 'trees'}")
    return _failed(problems)


def _lock(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import lock_release

    for text in lock_release.lock_release(layout, options.release, options.sdists):
        print(text)
    return 0


def _wheel(layout: Layout, options: argparse.Namespace) -> int:
    locked = lock.load(layout.lock)
    if options.all and options.release:
        raise Failure(f"name one release, or all of them: not --all and {options.release}")
    newest = list(locked)[-1]
    chosen = list(locked) if options.all else _chosen(locked, options.release or newest)
    return _wheels(layout, locked, chosen, options.sdists)


def _wheelhouse(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import wheel, wheelhouse

    locked = lock.load(layout.lock)
    failed = _wheels(layout, locked, _chosen(locked, options.release), options.sdists)
    if not failed:
        index = layout.shown(wheelhouse.write(layout.root / wheel.FOLDER))
        print(f"index: {index}/, for --extra-index-url; {wheel.FOLDER}/, for --find-links")
    return failed


def _wheels(
    layout: Layout, locked: dict[str, lock.Release], chosen: list[str], sdists: Path | None
) -> int:
    from scripts import report, wheel

    outcomes = wheel.wheels(layout, locked, chosen, sdists)
    rows = [(o.version, wheel.command(locked[o.version])) for o in outcomes if o.wheel]
    if rows:
        report.table(("release", "next"), rows)
    return _failed([outcome.failure for outcome in outcomes if outcome.failure])


def _pr(layout: Layout, options: argparse.Namespace) -> int:
    from scripts import pr, pr_text, report

    clone, texts = options.upstream.resolve(), layout.root / "out/pr"
    locked = lock.load(layout.lock)
    with pr.stacked(layout, locked, clone, replace=options.replace) as stack:
        rows = [
            (patch.topic, patch.said.subject, finding.fit.value)
            for patch, finding in stack.findings
        ]
        away = [
            (topic.name, patch.said.subject, f"not sent: {topic.kept_back}")
            for topic in stack.kept_back
            for patch in topic.patches
        ]
        report.table(("topic", "patch", "fits"), [*rows, *away])
        if found := stack.conflicts:
            # Not in the table, which would fold what somebody may want to copy.
            for patch, finding in found:
                print(f"{patch.path.name}\n  {finding.detail}")
            print("\nto go on from here:", *stack.ways, sep="\n")
            told = f"{len(found)} of {len(stack.findings)} patches conflict"
            return _failed([f"{clone}: left as it was: {told} with {stack.base.version}"])
        if options.gates:
            pr.check_gates(layout, stack)
        pr_text.write(layout, stack, texts)
        pr.create(stack)
    report.table(
        ("branch", "starts from", "patches", "rows", "upstream hears of it"),
        [
            (
                branch.name,
                ", ".join(branch.topic.needs) or "the base",
                str(len(branch.topic.patches)),
                f"+{added} -{gone}",
                "in private first: it repairs a leak" if branch.topic.leaks else "",
            )
            for branch, (added, gone) in zip(stack.branches, pr.sizes(stack), strict=True)
        ],
    )
    print(pr_text.how_to_send(stack, layout.shown(texts)))
    return 0


def _chosen(locked: dict[str, lock.Release], release: str | None) -> list[str]:
    if release and release not in locked:
        if len(release.split()) > 1:
            raise Failure(f"RELEASE={release}: name one release, or none for all of them")
        # The newest comes first: of releases that are as close as each other, it is meant.
        close = difflib.get_close_matches(release.lstrip("v"), list(locked)[::-1], 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise Failure(f"release {release} is not in the lock; {meant}it has {', '.join(locked)}")
    return [release] if release else list(locked)
