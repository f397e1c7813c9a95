#!/usr/bin/env python3
"""Checks the includes of every source file against layers.txt and owners.txt.

A file of a module may include public headers (include/MODULE/...) of its own module and of those the
table lets it, and private headers of its own folder; a third-party header only if it owns it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def read_layers():
    layers = {}
    for line in (ROOT / "tests/layers/layers.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, folder, includes = line.split()[:3]
            layers[name] = (folder, set(includes.split(",")) - {"-"})
    return layers


def read_owners():
    owners = {}
    for line in (ROOT / "tests/layers/owners.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            header, *files = line.split()
            owners[header] = set(files)
    return owners


def module_of(path, layers):
    parts = path.parts
    if parts[0] == "include":
        return parts[1]
    best = max((folder for folder, _ in layers.values() if str(path).startswith(folder + "/")), key=len)
    return next(name for name, (folder, _) in layers.items() if folder == best)


def check_file(path, layers, owners):
    module = module_of(path, layers)
    allowed = layers[module][1] | {module}
    for bracket, header in INCLUDE.findall((ROOT / path).read_text()):
        if header in owners and str(path) not in owners[header]:
            yield f"{path}: includes {header}, which belongs to {', '.join(sorted(owners[header]))}"
        first = header.split("/")[0]
        if bracket == '"' and "/" in header and first in layers and first not in allowed:
            yield f"{path}: module {module} may not include {header}"


def main():
    layers, owners = read_layers(), read_owners()
    files = [path.relative_to(ROOT) for folder in ("include", "src", "storage", "alerting", "web")
             for suffix in ("*.c", "*.cc", "*.h") for path in (ROOT / folder).rglob(suffix)]
    files += [path.relative_to(ROOT) for pattern in ("*.[ch]", "main/*.[ch]")
              for path in (ROOT / "bench").glob(pattern)]
    faults = [fault for path in sorted(files) for fault in check_file(path, layers, owners)]
    print("\n".join(faults) or f"layers: {len(files)} files keep the table")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
