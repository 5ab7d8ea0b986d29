# Tests from outside on build/demilune, in the short form that CI runs. tests/README.md has the full ones.
outside_clients() { ensure_venv && .venv/bin/python -m pytest -q -p no:cacheprovider tests/clients "$@"; }
outside_bad_input() { python3 tests/bad_input/garbage.py "$@"; }
outside_kill() { python3 tests/chaos/kill.py "$@"; }
outside_unassign() { python3 tests/chaos/unassign.py "$@"; }
outside_bounded() { python3 tests/bounded/bounded.py "${@:-all}"; }
