#!/bin/sh
# Stands for initdb: the first cluster of a kind is made, and each other is a copy of it, with its password.
set -eu
here=$(dirname "$0")
for argument; do
  case $argument in
    --pgdata=*) data=${argument#*=} ;;
    --pwfile=*) password=${argument#*=} ;;
  esac
done
kind=$(printf '%s\n' "$@" | grep -Ev '^--(pgdata|pwfile)=' | cksum | cut -d ' ' -f 1)
first=$here/../clusters/$kind
if [ ! -d "$first" ]; then
  made=$(mktemp -d "$first.XXXXXX")
  "$here/real-initdb" "$@" --pgdata="$made/data" > "$made/log" 2>&1 || { cat "$made/log" >&2; exit 1; }
  # A third of the files, which every copy of a cluster would take along.
  printf '%s\n' "update pg_database set datistemplate = false where datname = 'template0'" 'drop database template0' |
    "$here/postgres" --single -F -D "$made/data" postgres >> "$made/log" 2>&1
  cp "$password" "$made/password"
  # Whoever was quicker has made one as good.
  mv -T "$made" "$first" 2> /dev/null || rm -r "$made"
fi
cp -a "$first/data" "$data"
cat "$first/password" > "$password"
