#!/usr/bin/env python3
"""File and function length: no file over 800 lines, no function over 60. Reports the median; exits 1 on a breach.

Usage: lengths.py [FILE...]
"""
import re
import statistics
import sys

from source import blank, project_files, read

MAX_FILE = 800
MAX_FUNCTION = 60

TEMPLATE = re.compile(r"template\s*<(?:[^<>]|<[^<>]*>)*>")
ACCESS = re.compile(r"^\s*(?:public|private|protected)\s*:")
NO_FUNCTION = re.compile(r"(?:typedef\s+|inline\s+)?(?:namespace|class|struct|union|enum|concept|extern\s*$)\b|.*=\s*$", re.S)
MEMBER_INITIALIZER = re.compile(r"\)[\w\s]*:(?!:).*[\w>]$", re.S)
NAME = re.compile(r"([~\w]+(?:::[~\w]+)*|operator\s*\S+?|\])\s*(?:<[^()]*>)?\s*\(")


def closing(text, at):
    """The index of the } that closes the { at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i
    return len(text) - 1


def is_function(head):
    """Whether what stands before a { is the head of a function or lambda."""
    head = TEMPLATE.sub(" ", head).strip()
    return "(" in head and head.count("(") == head.count(")") and not NO_FUNCTION.match(head)


def functions(text):
    """Yields (name, first line, last line) of every function; what stands inside one belongs to it."""
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), blank(text), flags=re.M)
    line_of = lambda offset: text.count("\n", 0, offset) + 1
    start = i = 0
    while i < len(text):
        c = text[i]
        if c == "{":
            head = text[start:i]
            if MEMBER_INITIALIZER.search(head):
                i = closing(text, i) + 1
                continue
            label = ACCESS.match(head)
            if label:
                start += label.end()
                head = text[start:i]
            if is_function(head):
                end = closing(text, i)
                found = NAME.search(head)
                yield (found.group(1) if found else "?"), line_of(start + len(head) - len(head.lstrip())), line_of(end)
                i = end
            start = i + 1
        elif c in ";}":
            start = i + 1
        i += 1


def main(names):
    bad = 0
    lengths = {}
    for name in names or project_files(".cpp", ".hpp"):
        text = read(name)
        lengths[name] = text.count("\n")
        if lengths[name] > MAX_FILE:
            bad += 1
            print(f"{name}:{MAX_FILE + 1}: a file of {lengths[name]} lines; {MAX_FILE} is the limit")
        for function, first, last in functions(text):
            if last - first + 1 > MAX_FUNCTION:
                bad += 1
                print(f"{name}:{first}: {function} has {last - first + 1} lines; {MAX_FUNCTION} is the limit")
    for top in ("src", "tests"):
        of_top = [n for name, n in lengths.items() if name.startswith(top + "/")]
        if of_top and not names:
            print(f"{top}: {len(of_top)} files, {sum(of_top)} lines, median {statistics.median(of_top):.0f}, longest {max(of_top)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
