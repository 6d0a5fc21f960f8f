#!/usr/bin/env python3
"""The await rule: one await per statement, its result named, its arguments simple. Exits 1 and prints each breach.

g++ 12 miscompiles many other shapes, silently: conditions with an await in them, aggregates and lambdas made in the
awaited statement, && and ?: around it. Allowed are, with f(x) any plain call:

    co_await f(x);    T v = co_await f(x);    v = co_await f(x);    co_return co_await f(x);

and each of them as the body of a plain `if (named)`, `else` or loop. A coroutine is a function or a member, never a
lambda; it keeps no statement expression and no macro around an await.

Usage: await_rule.py [FILE...]   (without files: all of src and tests)
"""
import re
import sys

from source import blank, project_files, read

# Patterns that show a compiler's bugs on purpose.
EXEMPT = re.compile(r"^tests/unit/coroutine_probes/|/coroutine_probe[^/]*$")

AWAITED_CALL = r"co_await\s+[\w:.<>*&\-\s\[\]]+(?:\(.*\))?"
SHAPES = [
    re.compile(rf"^(?:co_return\s+)?{AWAITED_CALL}$", re.S),
    re.compile(rf"^[\w:<>,&*\s.\-\[\]]*?[\w\])>&*]\s*=\s*{AWAITED_CALL}$", re.S),
]
KEYWORD_HEAD = re.compile(r"^(if|while|for|switch|return)\b(?:\s*constexpr\b)?\s*")
LABEL = re.compile(r"^(?:case\b[^:]*(?:::[^:]*)*|default|[a-z_]\w*)\s*:(?!:)\s*")
LAMBDA = re.compile(r"(?<![\w\])])\[[^\[\]]*\]\s*(?:<[^>]*>\s*)?(?:\([^()]*(?:\([^()]*\)[^()]*)*\)\s*)?(?:mutable\b|noexcept\b|->[^{;]*|\s)*\{")


def matching(text, at, pair):
    """The index of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == pair[0]) - (text[i] == pair[1])
        if depth == 0:
            return i
    return len(text) - 1


def statements(text):
    """Yields (offset, statement): cuts at ; { } outside ( ) and [ ]; the cutting character stays at its end."""
    depth = start = 0
    for i, c in enumerate(text):
        if c in "([":
            depth += 1
        elif c in ")]":
            depth = max(0, depth - 1)
        elif c in ";{}" and depth == 0:
            yield start, text[start:i + 1]
            start = i + 1
    yield start, text[start:]


def strip_heads(s):
    """Removes `if (…)`, `else`, labels in front; answers (rest, why) where why is a breach inside a head."""
    while True:
        head = KEYWORD_HEAD.match(s)
        if head and head.group(1) != "return":
            if not s[head.end():].startswith("("):
                return s, None
            end = matching(s, head.end(), "()")
            if "co_await" in s[head.end():end]:
                return s, "await in a condition"
            s = s[end + 1:].lstrip()
            continue
        shorter = re.sub(r"^(else|do|try)\b\s*", "", s)
        shorter = LABEL.sub("", shorter) if not shorter.startswith("co_") else shorter
        if shorter == s:
            return s, None
        s = shorter


def breach(statement):
    """Why the statement breaks the rule, or None."""
    s = statement.strip()
    if len(re.findall(r"\bco_await\b", s)) > 1:
        return "two awaits in one statement"
    s, why = strip_heads(s)
    if why:
        return why
    call = s.split("co_await", 1)[1]
    if s.endswith("{") or "{" in s:
        return "braces in the awaited statement"
    if re.search(r"(?<![\w\])])\[[^\]]*\]\s*[({]", call):
        return "lambda in the awaited statement"
    if re.search(r"\?|\|\||&&", call):
        return "?:, && or || in the awaited statement"
    if s.startswith("#define") or s.startswith("#"):
        return "await inside a macro"
    if re.match(r"^auto\s*&?\s*\[", s):
        return "structured binding of an awaited value: name it first"
    s = s.rstrip("; \n")
    if not any(shape.match(s) for shape in SHAPES):
        return "await inside a larger expression"
    if after_call(s):
        return "await inside a larger expression"
    if re.search(r"co_await\s+(?:\w+::)*[A-Z]\w*\([^()]*\)\s*\.", s):
        return "a member coroutine of a temporary: name the object first"
    return None


def after_call(s):
    """True when something follows the awaited call: `co_await f(x) + 1`. A chain f(x).g(y) is one call."""
    rest = s.split("co_await", 1)[1]
    while "(" in rest:
        head, _ = rest.split("(", 1)
        if not re.fullmatch(r"\s*[\w:.<>,*&\-\s\[\]]*", head):
            return True
        rest = rest[matching(rest, len(head), "()") + 1:]
        if rest.strip() and not re.match(r"\s*(\.|->|\()", rest):
            return True
    return False


def lambda_coroutines(text):
    """Offsets of lambdas whose own body awaits or co_returns."""
    for found in LAMBDA.finditer(text):
        body = text[found.end() - 1:matching(text, found.end() - 1, "{}") + 1]
        if re.search(r"\bco_(await|return|yield)\b", body):
            yield found.start()


def check(text):
    """Yields (line, why, statement) for each breach in a source text."""
    clean = blank(text)
    line_of = lambda offset: clean.count("\n", 0, offset) + 1
    for offset in lambda_coroutines(clean):
        yield line_of(offset), "a lambda is a coroutine", clean[offset:offset + 60]
    for offset, s in statements(clean):
        if re.search(r"\bco_await\b", s):
            why = breach(s)
            if why:
                yield line_of(offset + len(s) - len(s.lstrip())), why, s


def main(names):
    bad = 0
    for name in names or project_files(".cpp", ".hpp"):
        if EXEMPT.search(name):
            continue
        for line, why, statement in check(read(name)):
            bad += 1
            print(f"{name}:{line}: {why}: {' '.join(statement.split())[:90]}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
