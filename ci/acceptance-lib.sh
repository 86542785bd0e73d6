# What the builds of ci/acceptance share. A build is a script for bash that starts in an empty directory of its own,
# fetches and builds something natively and for targets, lists how each test ended (`NAME RESULT`, one a line) and calls
# `compare` with the native list and each target's. Everything that it prints goes to its log. $TRIPLECHECK is the
# binary under test. A failing command ends the build, and counts as falling short.

# Installs Debian packages that are missing.
packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  "$CI_DIR/as-root" apt-get update -q
  "$CI_DIR/as-root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Unpacks a Debian source package into the current directory, and prints its directory. The index of sources is kept
# apart from the system's, which usually has none.
debian_source() {
  local apt=$PWD/apt directory
  packages dpkg-dev >&2
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
  if compgen -G '/etc/apt/sources.list.d/*.sources' >/dev/null; then
    local file
    for file in /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
      [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/$(basename "$file")"
    done
  fi
  [ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/parts/main.list"
  local options=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/parts"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache")
  [ -n "$(ls "$apt/lists" | grep Sources || true)" ] || apt-get "${options[@]}" update >&2
  apt-get "${options[@]}" source "$1" >&2
  directory=$(find . -mindepth 1 -maxdepth 1 -type d -name "$1-*")
  [ -d "$directory" ] && printf '%s\n' "$PWD/${directory#./}"
}

# The triple of this machine.
host() { rustc -vV | sed -n 's/^host: //p'; }

# Adds a row to the table: TARGET WHAT, how many tests end as they do natively, of how many, what falls short (if
# anything), a remark.
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$BUILD" "$1" "$2" "$3" "$4" "${5-}" "${6-}" >>"$ROWS"; }

# compare TARGET WHAT NATIVE-LIST LIST [UNREACHED...]: every test must end as it does natively, and there must be no
# others. Tests that the way of starting is known not to reach must differ, so that this does not outlive its reason.
compare() {
  local target=$1 what=$2 native list same all short='' unreached
  native=$(mktemp) list=$(mktemp)
  sort "$3" >"$native"
  sort "$4" >"$list"
  shift 4
  for unreached; do
    if [ "$(grep "^$unreached " "$native")" = "$(grep "^$unreached " "$list")" ]; then
      short="$short $unreached(reached)"
    fi
    sed -i "/^$unreached /d" "$native" "$list"
  done
  same=$(comm -12 "$native" "$list" | wc -l)
  all=$(wc -l <"$native")
  if ! cmp -s "$native" "$list"; then
    diff "$native" "$list" || true
    short="$short $(comm -3 "$native" "$list" | sed 's/^\t*//' | cut -d ' ' -f 1 | sort -u | paste -sd ' ' | cut -c 1-60)"
  fi
  rm -f "$native" "$list"
  row "$target" "$what" "$same" "$all" "$short" "${*:+not reached: $*}"
}

# same_text TARGET WHAT NATIVE-FILE FILE [REMARK]: two texts must be equal to the last byte. The difference goes to the
# log, its size into the table.
same_text() {
  if diff "$3" "$4"; then
    row "$1" "$2" 1 1 '' "${5-}"
  else
    row "$1" "$2" 0 1 " $(diff "$3" "$4" | grep -c '^[<>]') lines differ"
  fi
}

# not_run TARGET WHAT REASON: a row for what cannot run here, which counts neither way.
not_run() { printf '%s\t%s\t%s\t-\t-\t\t%s\n' "$BUILD" "$1" "$2" "$3" >>"$ROWS"; }
