"""What the lints share: C++ text without comments and literals, and the project's files."""
import re
import subprocess
from pathlib import Path

LITERALS = re.compile(
    r'//(?:\\\n|[^\n])*'                          # a comment to the end of the line
    r'|/\*.*?\*/'                                 # a comment between stars
    r'|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'  # a raw string
    r'|"(?:\\.|[^"\\\n])*"'                       # a string
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",      # a character, but no digit separator
    re.S)


def blank(text):
    """The text with comments and literals as blanks; every other character keeps its line and column."""
    return LITERALS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def read(path):
    return Path(path).read_text(encoding="utf-8")


def project_files(*suffixes, under=("src", "tests")):
    """The project's files: what git tracks or would, or, without git, what lies there."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *under], capture_output=True, text=True, check=False)
    names = listed.stdout.split("\n") if listed.returncode == 0 and listed.stdout else \
        [str(p) for top in under for p in Path(top).rglob("*")]
    return sorted(n for n in names if n.endswith(suffixes) and Path(n).is_file())
