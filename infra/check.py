"""Reads the Bicep files as far as that goes without the Bicep compiler, and says what would be wrong.

usage: check.py FILE [FILE ...]; test_check.py beside it shows that it can fail

Each file must parse. Each name that is used must be declared, and the other way round. Each module must be given the parameters that
its file has, and only those. No output and no setting may have a key. What types the properties of resources have, only the compiler
knows.
"""

import re
import sys
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_bicep.language()))
DECLARATIONS = {"parameter_declaration": "param", "variable_declaration": "var", "resource_declaration": "resource",
                "module_declaration": "module", "output_declaration": "output"}
# Functions of Bicep that give keys, and properties that hold them.
KEYS = re.compile(r"\blist[A-Z]?\w*\(|InstrumentationKey|primaryKey|primaryConnectionString|accountKey", re.IGNORECASE)


def walk(node: Node):
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    return node.text.decode()


class File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = PARSER.parse(path.read_bytes()).root_node
        self.source = path.read_text()
        # Kind, name and text of each declaration; nested resources as well.
        self.declared = [(DECLARATIONS[node.type], text(self.name_of(node)), node)
                         for node in walk(self.root) if node.type in DECLARATIONS]

    @staticmethod
    def name_of(node: Node) -> Node:
        return next(child for child in node.children if child.type in ("identifier", "property_identifier"))

    def names(self, *kinds: str) -> set[str]:
        return {name for kind, name, _ in self.declared if kind in kinds}

    def required(self) -> set[str]:
        has_default = lambda node: any(child.type == "=" for child in node.children)
        return {name for kind, name, node in self.declared if kind == "param" and not has_default(node)}

    def problems(self):
        for node in walk(self.root):
            if node.type == "ERROR" or node.is_missing:
                yield node, f"does not parse: {text(node)[:60]!r}"
        yield from self.unused()
        yield from self.modules()
        for kind, name, node in self.declared:
            if kind == "output" and KEYS.search(text(node)):
                yield node, f"the output `{name}` gives away a key"
            # Compared with `==`: each access makes another object for the same node.
            if kind == "resource" and node.parent == self.root and "'Microsoft.Web/sites" in text(node) and KEYS.search(text(node)):
                yield node, f"the settings of `{name}` hold a key"

    def unused(self):
        for kind, name, node in self.declared:
            uses = len(re.findall(rf"\b{re.escape(name)}\b", re.sub(r"(?m)^\s*//.*$", "", self.source)))
            if kind in ("param", "var") and uses < 2:
                yield node, f"`{name}` is declared and not used"

    def modules(self):
        for kind, name, node in self.declared:
            if kind != "module":
                continue
            path = re.search(r"module\s+\w+\s+'([^']+)'", text(node))[1]
            other = FILES.get((self.path.parent / path).resolve())
            if other is None:
                yield node, f"the module `{name}` is in `{path}`, which is not there"
                continue
            params = re.search(r"\n  params: \{\n(.*?)\n  \}", text(node), re.DOTALL)[1]
            given = set(re.findall(r"^    (\w+):", params, re.MULTILINE))
            for missing in sorted(other.required() - given):
                yield node, f"the module `{name}` is not given `{missing}`"
            for unknown in sorted(given - other.names("param")):
                yield node, f"the module `{name}` has no parameter `{unknown}`"
            for wanted in set(re.findall(rf"\b{name}\.outputs\.(\w+)", self.source)) - other.names("output"):
                yield node, f"the module `{name}` has no output `{wanted}`"


FILES = {path.resolve(): File(path) for path in map(Path, sys.argv[1:])}
found = [f"{file.path}:{node.start_point[0] + 1}: {problem}" for file in FILES.values() for node, problem in file.problems()]
print("\n".join(found) or f"{len(FILES)} files, nothing wrong that can be seen without the compiler")
sys.exit(1 if found or not FILES else 0)
