#!/usr/bin/env python3
"""Prints a table of the crates of a tree: lines, longest file and function, dependencies.

    scripts/code_table.py [--commit COMMIT] [--write docs/development/architecture.md]

How it counts, over the Rust files that git knows:

- code: lines in `src/` that are neither blank nor comment only, outside what stands under
  `#[cfg(test)]`. A module of a file of its own may stand there, too.
- tests: the same under `#[cfg(test)]`, and in `tests/`. Neither counts `benches/`, `fuzz/` and
  `build.rs`.
- longest file: all its lines, tests included. Longest function: from `fn` to its closing brace.
- public items: functions, methods, types, traits, constants and modules that are `pub`, for 1,000
  lines of code; public fields apart. `pub(crate)` and re-exports do not count.
- dependencies: what `cargo metadata --locked --offline` resolves for x86-64 Linux, without those of
  tests and builds: direct ones, and all that they bring. Crates of this workspace do not count.

`--write` replaces what stands between `<!-- code-table:begin -->` and `<!-- code-table:end -->` in a
file by the table of the work tree, next to the totals of the commit before the redesign.
"""

import argparse
import io
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "49e1a0e"
BEGIN, END = "<!-- code-table:begin -->\n", "<!-- code-table:end -->"

# Comments, strings and character literals; of two that begin at one place the longer one is wanted.
WORDS = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | b?r(?P<hashes>\#*)".*?"(?P=hashes)
      | b?"(?:\\.|[^"\\])*"
      | b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[^}]*\}|.)|[^\\'\n])'
    """,
    re.VERBOSE | re.DOTALL,
)
FUNCTION = re.compile(r"\bfn\s+(\w+)")
PUBLIC = re.compile(r"\bpub\s+(?:(?:const|async|unsafe)\s+)*(?:fn|struct|enum|trait|const|static|type|mod)\b")
PUBLIC_FIELDS = re.compile(r"\bpub\s+\w+\s*:(?!:)")


def masked(text):
    """The text with blanks for comments and letters for strings, line by line as it was."""

    def blank(match):
        filler = " " if match["comment"] else "x"
        return "".join(character if character.isspace() else filler for character in match[0])

    return WORDS.sub(blank, text)


def closing(text, start):
    """Where the bracket at `start` is closed."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at
    raise ValueError("a bracket is not closed")


def item_end(text, start):
    """Where an item ends: at its `;` or at the brace that closes it."""
    at = start
    while text[at] not in ";{":
        at = closing(text, at) + 1 if text[at] in "([" else at + 1
    return closing(text, at) if text[at] == "{" else at


def test_items(text):
    """Begin and end of each item under `#[cfg(test)]`, and the names of the modules among them that have files."""
    spans, modules, at = [], [], 0
    while (begin := text.find("#[cfg(test)]", at)) >= 0:
        at = begin
        while text.startswith("#[", at):
            at = closing(text, at + 1) + 1
            at += len(text[at:]) - len(text[at:].lstrip())
        end = item_end(text, at)
        if module := re.fullmatch(r"(?:pub\S* )?mod (\w+)", text[at:end]):
            modules.append(module[1])
        spans.append((begin, end + 1))
        at = end + 1
    return spans, modules


def longest_function(text):
    """Lines and name of the longest function."""
    lengths = [(0, "")]
    for match in FUNCTION.finditer(text):
        end = item_end(text, match.end())
        lengths.append((text.count("\n", match.start(), end) + 1, match[1]))
    return max(lengths)


def code_lines(text):
    return sum(1 for line in text.splitlines() if line.strip())


@dataclass
class Crate:
    name: str
    code: int = 0
    commented: int = 0
    tests: int = 0
    public: int = 0
    fields: int = 0
    longest_file: tuple = (0, "")
    longest_function: tuple = (0, "")
    direct: set = field(default_factory=set)
    all: set = field(default_factory=set)

    def add(self, path, text, is_test):
        """Counts a file."""
        code = masked(text)
        spans, _ = test_items(code)
        for begin, end in reversed([(0, len(code))] if is_test else spans):
            self.tests += code_lines(code[begin:end])
            code, text = code[:begin] + code[end:], text[:begin] + text[end:]
        self.code += code_lines(code)
        self.commented += len(text.splitlines())
        self.public += len(PUBLIC.findall(code))
        self.fields += len(PUBLIC_FIELDS.findall(code))
        self.longest_function = max(self.longest_function, longest_function(code))

    def row(self):
        files, functions = self.longest_file, self.longest_function
        return [
            f"`{self.name}`",
            f"{self.code:,}",
            f"{self.tests:,}",
            f"{files[0]} `{files[1]}`",
            f"{functions[0]} `{functions[1]}`",
            f"{1000 * self.public / max(self.code, 1):.0f}",
            str(len(self.direct)),
            str(len(self.all)),
        ]


def children(path, module):
    """Where the file of a module may lie."""
    folder = path.parent if path.name in ("mod.rs", "lib.rs", "main.rs") else path.with_suffix("")
    return [folder / f"{module}.rs", folder / module / "mod.rs"]


def read_crate(root, folder, name, files):
    """Counts the files of a package; its folder is `.` at the root."""
    crate, texts = Crate(name), {}
    for path in files:
        inner = path.relative_to(folder)
        if inner.parts[0] in ("src", "tests") and path.suffix == ".rs":
            texts[path] = (root / path).read_text()
    tests = {path for path in texts if path.relative_to(folder).parts[0] == "tests"}
    for path, text in texts.items():
        for module in test_items(masked(text))[1]:
            tests.update(child for child in children(path, module) if child in texts)
    for path, text in texts.items():
        crate.add(path, text, path in tests)
        if path not in tests:
            crate.longest_file = max(crate.longest_file, (len(text.splitlines()), str(path.relative_to(folder / "src"))))
    return crate


def dependencies(root, crates):
    """Fills in the dependencies of all crates by what cargo resolves."""
    command = ["cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout)
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    own = set(metadata["workspace_members"])

    def needed(node):
        normal = lambda kinds: any(kind["kind"] is None for kind in kinds)
        return {dependency["pkg"] for dependency in node["deps"] if normal(dependency["dep_kinds"])}

    graph = {node["id"]: needed(node) for node in metadata["resolve"]["nodes"]}
    for crate in crates:
        start = next(package for package in own if names[package] == crate.name)
        crate.direct = graph[start] - own
        reached, todo = set(), [start]
        while todo:
            fresh = graph[todo.pop()] - reached
            reached |= fresh
            todo += fresh
        crate.all = reached - own


def read_tree(root, files):
    """The crates of a tree, that at the root first."""
    files = [Path(file) for file in files]
    folders = sorted({file.parent for file in files if file.name == "Cargo.toml" and file.parts[0] in ("Cargo.toml", "crates")})
    crates = []
    for folder in folders:
        name = re.search(r'^name = "(.+)"', (root / folder / "Cargo.toml").read_text(), re.MULTILINE)[1]
        crates.append(read_crate(root, folder, name, [file for file in files if file.is_relative_to(folder)]))
    dependencies(root, crates)
    return crates


def work_tree():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return read_tree(ROOT, [file for file in listed.split("\0") if file and (ROOT / file).exists()])


def commit_tree(commit):
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
        return read_tree(Path(folder), [member.name for member in archive if member.isfile()])


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def per_crate(crates):
    head = ["crate", "code", "tests", "longest file", "longest function", "public per 1,000", "direct deps", "all deps"]
    return table(head, [crate.row() for crate in crates])


def totals(crates):
    """The measures of a whole tree, in the order of `MEASURES`."""
    code, public = sum(crate.code for crate in crates), sum(crate.public for crate in crates)
    fields = sum(crate.fields for crate in crates)
    file, function = max(crate.longest_file for crate in crates), max(crate.longest_function for crate in crates)
    return [
        str(len(crates)),
        f"{code:,}",
        f"{sum(crate.commented for crate in crates):,}",
        f"{sum(crate.tests for crate in crates):,}",
        f"{max(crate.code for crate in crates):,}",
        f"{file[0]} `{file[1]}`",
        f"{function[0]} `{function[1]}`",
        f"{1000 * public / code:.0f}",
        f"{1000 * fields / code:.0f}",
        str(len(set.union(*(crate.direct for crate in crates)))),
        str(len(set.union(*(crate.all for crate in crates)))),
    ]


MEASURES = [
    "crates",
    "lines of product code",
    "the same with blank lines and comments",
    "lines of tests",
    "code of the largest crate",
    "longest file",
    "longest function",
    "public items per 1,000 lines of code",
    "public fields per 1,000 lines of code",
    "direct dependencies",
    "all dependencies",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", help="measure a commit instead of the work tree")
    parser.add_argument("--write", type=Path, help=f"put the table and the totals of {BEFORE} into a file")
    arguments = parser.parse_args()
    crates = commit_tree(arguments.commit) if arguments.commit else work_tree()
    if not arguments.write:
        print(per_crate(crates))
        print(table(["measure", "value"], [list(row) for row in zip(MEASURES, totals(crates))]), end="")
        return
    head = ["measure", f"before ({BEFORE})", "after"]
    rows = [list(row) for row in zip(MEASURES, totals(commit_tree(BEFORE)), totals(crates))]
    text = arguments.write.read_text()
    marked = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)
    if not marked.search(text):
        parser.error(f"{arguments.write} has no `{BEGIN.strip()}` with a `{END}` behind it")
    arguments.write.write_text(marked.sub(lambda _: f"{BEGIN}{table(head, rows)}\n{per_crate(crates)}{END}", text))


if __name__ == "__main__":
    main()
