# What the builds from Samba's source share: talloc and tdb, which waf configures by starting programs. Debian's source
# package of Samba carries both, with waf.
packages gcc libc6-dev make python3
work=$PWD
samba=$(debian_source samba)
# One that comes first on PATH may be out of reach for other users.
export PYTHON=/usr/bin/python3
# Python's headers and libraries for the target are another project's affair; without rpaths the guest's loader needs
# LD_LIBRARY_PATH, which is the harder way.
configure_options=(--disable-python --disable-rpath --without-gettext)

# tree PROJECT NAME: makes a tree to build in, whose sources are links, and prints the project's directory.
tree() {
  mkdir -p "$work/$2"
  (cd "$samba" && cp -al lib buildtools third_party VERSION "$work/$2")
  printf '%s\n' "$work/$2/lib/$1"
}

# configure HOOK-OPTION...: configures the project in the current directory with the line that the hook prints, edited by
# the program for sed in $edit, if any.
configure() {
  "$TRIPLECHECK" hook waf "$@" | sed "s|^\./configure|& ${configure_options[*]}|; ${edit-}" >configure.sh
  cat configure.sh
  sh configure.sh
}

# Without addresses, speeds and the names of trees, which no two runs share.
without_noise() { sed -E "s|$work/[^/]+/|TREE/|g; s/0x[0-9a-f]+/ADDRESS/g; s/[0-9.]+ ops\/sec/SPEED ops\/sec/g"; }
