#!/usr/bin/env bash
# Builds the PgBouncer of a newer Debian release, which carries prepared statements, from Debian's source package.
#
#   test/pgbouncer/build.sh [suite]     suite: trixie unless given
#
# It needs a Debian with network to the mirror that its apt already uses, and dpkg-dev, gcc, make, pkg-config, libevent-dev and
# libssl-dev. It needs no root, installs nothing, and leaves apt's own lists alone. Where PgBouncer is built already, it says
# so and does nothing. The last line that it prints is the path of the program.
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:-trixie}
folder=$PWD/node_modules/.cache/pgbouncer/$suite
program=$folder/pgbouncer
if [ -x "$program" ]; then
  "$program" --version | head -1
  echo "$program"
  exit
fi

for tool in apt-get dpkg-source gcc make pkg-config; do
  command -v "$tool" >/dev/null || { echo "PgBouncer cannot be built: $tool is missing." >&2; exit 1; }
done
for library in libevent libssl; do
  pkg-config --exists "$library" || { echo "PgBouncer cannot be built: the package $library-dev is missing." >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The mirror of this machine's own Debian, without its security updates, which stand elsewhere.
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" 'Component: main' | head -1)
[ -n "$mirror" ] || { echo "PgBouncer cannot be built: apt knows no Debian mirror. Try apt-get update." >&2; exit 1; }
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
options=(-qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)")
apt-get "${options[@]}" update >&2
# apt checks the signature of the mirror's index, and by it each file.
(cd "$work/source" && apt-get "${options[@]}" source --download-only pgbouncer >&2)
dpkg-source --no-check -x "$work"/source/*.dsc "$work/pgbouncer" >&2
(cd "$work/pgbouncer" && ./configure --without-cares --quiet && make --silent -j2 pgbouncer) >"$work/log" 2>&1 || {
  tail -20 "$work/log" >&2
  exit 1
}
mkdir -p "$folder"
cp "$work/pgbouncer/pgbouncer" "$program"
"$program" --version | head -1
echo "$program"
