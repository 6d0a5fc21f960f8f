#!/usr/bin/env python3
"""Layers point downwards: main -> modules -> event -> core. Exits 1 and prints each include that points up.

Also: includes are written from src/ ("core/result.hpp"), nothing in src/ includes a test, and a filter never learns
which HTTP version it writes to: it does not include the HTTP/1 codec.

Usage: layers.py [FILE...]
"""
import re
import sys
from pathlib import Path

from source import blank, project_files, read

LAYERS = ["core", "event", "modules"]    # each may include itself and what stands before it
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
CODEC = re.compile(r"^modules/http/http[123]")
REGISTERS_FILTER = re.compile(r"\b(header|body)_filter\s*[<(]")


def layer_of(path):
    """core, event, modules; None for main.cpp and what is not in a layer."""
    first = path.split("/", 1)[0]
    return first if first in LAYERS and "/" in path else None


def breach(name, text, include):
    """Why this file, a path from src/, may not include that one; None when it may."""
    if include.startswith(("tests/", "../", "./")):
        return "includes are written from src/, and never reach tests/"
    here, there = layer_of(name), layer_of(include)
    if here is None:
        return None
    if there is None:
        return None if include == "berth_config.hpp" else f'"{include}" is in no layer; write it from src/'
    if LAYERS.index(there) > LAYERS.index(here):
        return f"src/{here} may not include src/{there}"
    is_filter = "_filter" in name or REGISTERS_FILTER.search(blank(text))
    if is_filter and CODEC.match(include) and not CODEC.match(name):
        return "a filter may not know which HTTP version it writes to"
    return None


def main(names):
    bad = 0
    for name in names or project_files(".cpp", ".hpp", under=("src",)):
        text = read(name)
        inside = str(Path(name)).removeprefix("src/")
        for found in INCLUDE.finditer(text):
            why = breach(inside, text, found.group(1))
            if why:
                bad += 1
                print(f"{name}:{text.count(chr(10), 0, found.start(1)) + 1}: {why}: {found.group(0).strip()}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
