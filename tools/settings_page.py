#!/usr/bin/env python3
"""docs/settings.md, made from src/base/settings_table.cc and from the bounds that are constants in the sources.

    tools/settings_page.py            writes the page
    tools/settings_page.py --check    exits 1 when the page is not what would be written (tools/check_house.py asks, too)
"""
import os
import re
import sys

PAGE = "docs/settings.md"
TABLE = "src/base/settings_table.cc"
TEXT = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
ROW = re.compile(r'\{"([a-z0-9_.]+)",\s*k(\w+),\s*' + TEXT + r',\s*' + TEXT + r'(?:,\s*(?:' + TEXT + r'|\{\}))?(?:,\s*SettingSecrecy::\w+)?\}')
BOUND = re.compile(r"^\s*(?:inline |static )*constexpr ([\w:]+(?:<\w+>)?) (k\w+(?: = |\{)[^;]+);\s*(?://\s*(.*))?$")
ONE = re.compile(r"(k\w+)(?: = ([^;{}]+?)|\{([^{}]+)\})(?=, k|$)")
UNITS = {"Millis": " ms", "std::chrono::milliseconds": " ms", "std::chrono::seconds": " s", "std::chrono::minutes": " min"}
# Where a setting starts from.
DEFAULTS = {"kDefaultMaxLogBytes", "kDefaultMaxImageBytes", "kDefaultMaxUnpackedBytes", "kDefaultMaxEntries", "kMaxQueuedSteps",
            "kMaxGroupSteps", "kMaxGroupBytes", "kInlineBodyBytes", "kMaxSegmentBytes", "kMaxQueued", "kMaxQueuedBytes"}
# Outside limits.h only what is called a bound; programs that are no part of a node have none that matter to one.
NAMED = re.compile(r"^k(Max|Most|Longest|First)[A-Z]|^k\w*(Queue|Window|Threads)$|^k(Inbox|Read|Write)Bytes$")
OTHER_PROGRAMS = ("src/sim/", "src/app/", "src/cli/", "src/storage/crash/", "src/storage/sim/")

INTRO = """# Settings and bounds

Made by `tools/settings_page.py` from the sources; the house check holds it against them.

A value comes from, in falling order: a flag of `demilune up`; the environment, `DEMILUNE_SECTION__KEY` (`storage.cache` is
`DEMILUNE_STORAGE__CACHE`); the file that `--config` names, else `/etc/demilune/demilune.toml`; the default. An unknown key, a value
of another kind or one out of its range ends the start with key, value, origin and range. Sizes are written `512`, `64KiB`, `16MiB`,
`2GiB`, `1TiB`, durations `250ms`, `10s`, `5m`, `24h`, `7d`.

`demilune config show --origin` prints what the running node has, where each value came from, and what it may take in memory, as a sum;
`demilune config check --config FILE` the same of the next start, without a node. `/metrics` has every number, size and duration (in
seconds) as `demilune_limit{name="storage.cache"}`, and what is in use of it as `demilune_limit_used{name="…"}` where there is such a
thing.

## Settings
| setting | default | range | what it is |
|---|---|---|---|
"""

BOUNDS = """
## Bounds that are no settings
Facts of S3, of formats and protocols, and sizes that nobody has to choose. What is beyond one is refused with an error that says so.

| room | bound | value | |
|---|---|---|---|
"""


def joined(text):
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text or ""))


def settings():
    source = open(TABLE, encoding="utf-8").read()
    rows = [(key, kind, joined(fallback), joined(doc), joined(span)) for key, kind, fallback, doc, span in ROW.findall(source)]
    keys = re.findall(r'^    \{"([^"]+)"', source, re.M)
    if [row[0] for row in rows] != keys:
        raise SystemExit(f"{TABLE}: rows that this program cannot read: {sorted(set(keys) ^ {row[0] for row in rows})}")
    return rows


def sources():
    for base, directories, names in os.walk("src"):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(base, name)
            if name.endswith((".h", ".cc")) and not name.endswith(("_test.cc", "_fuzz.cc", "_main.cc")) and "/testing" not in path:
                if not path.startswith(OTHER_PROGRAMS):
                    yield path


def shown(value, kind):
    return value.strip() + ("" if "chrono" in value else UNITS.get(kind, ""))


def bounds():
    for path in sources():
        whole = path.endswith("/limits.h")
        above = ""
        for line in open(path, encoding="utf-8"):
            found = BOUND.match(line.rstrip("\n"))
            if not found:
                text = line.strip()
                above = (above + " " + text[2:].strip()).strip() if text.startswith("//") else ""
                continue
            kind, rest, comment = found.groups()
            for name, value, braced in ONE.findall(rest):
                if name not in DEFAULTS and (whole or NAMED.search(name)):
                    yield path.split("/")[1], name, shown(value or braced, kind), comment or above
            above = ""


def cell(text):
    return text.replace("|", "\\|")


def page():
    out = [INTRO]
    for key, _, fallback, doc, span in settings():
        out.append(f"| `{key}` | {'`' + cell(fallback) + '`' if fallback else ''} | {'`' + cell(span) + '`' if span else ''} | {cell(doc)} |\n")
    out.append(BOUNDS)
    for room, name, value, comment in bounds():
        out.append(f"| {room} | `{name}` | `{cell(value)}` | {cell(comment)} |\n")
    return "".join(out)


def is_in_step():
    return os.path.exists(PAGE) and open(PAGE, encoding="utf-8").read() == page()


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    if sys.argv[1:] == ["--check"]:
        if not is_in_step():
            print(f"{PAGE} is not what the sources say: run tools/settings_page.py")
            return 1
        return 0
    if sys.argv[1:]:
        print(__doc__)
        return 2
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
