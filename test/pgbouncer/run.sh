#!/usr/bin/env bash
# Runs every test that goes through the app with a PgBouncer between the app and PostgreSQL: in transaction mode, with three
# connections for each database. Once with this machine's PgBouncer (Debian's 1.18 carries no prepared statements), and once with a
# newer one, which does (see build.sh). What is not installed is left out, aloud. Arguments go to vitest.
#
#   npm run test:pgbouncer -- test/engine
set -uo pipefail
cd "$(dirname "$0")/../.."
export PATH=$PWD/node_modules/.bin:/usr/sbin:$PATH

status=0
summary=()
through() {
  local title=$1 program=$2
  shift 2
  echo "== Through $title: $program"
  if POSTERN_TEST_POOLER=$program vitest run --config test/vitest.config.ts "$@"; then
    summary+=("passed: $title")
  else
    summary+=("FAILED: $title")
    status=1
  fi
}

if installed=$(command -v pgbouncer); then
  through "the installed $("$installed" --version | head -1)" "$installed" "$@"
else
  summary+=("LEFT OUT: the installed PgBouncer, because there is none. On Debian: apt-get install pgbouncer")
fi
if newer=$(test/pgbouncer/build.sh | tail -1) && [ -x "$newer" ]; then
  through "the newer $("$newer" --version | head -1)" "$newer" "$@"
else
  summary+=("LEFT OUT: a newer PgBouncer, because it cannot be built here; test/pgbouncer/build.sh says above what is missing")
fi
printf '%s\n' "== Through PgBouncer:" "${summary[@]}"
exit $status
