# gzip, whose tests are shell scripts that find it on PATH, in pipes and by signals. A shell to which the kernel refuses
# the foreign gzip quietly goes on to the machine's own, and most tests pass. As whoever runs this, and, where that is
# root, as an ordinary user too.
packages make gcc libc6-dev util-linux
targets=(aarch64-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source=$(debian_source gzip)

# results LOG: automake's words for how tests ended.
results() { sed -nE 's/^(PASS|FAIL|XFAIL|XPASS|SKIP|ERROR): (.+)$/\2 \1/p' "$1"; }

# A stand-in for the host's gzip that no test may reach: `wrap` puts nothing on PATH, so it is the tests' own that is
# found, or this one, which fails.
mkdir shadow
printf '#!/bin/sh\necho "the gzip of the host" >&2\nexit 98\n' >shadow/gzip
chmod +x shadow/gzip

# The manual is no part of this, and its tools are not among the packages.
export MAKEINFO=:

build() {
  cp -a "$source" "$1"
  (cd "$1" && shift && ./configure "$@" && make)
}
build native
PATH=$PWD/shadow:$PATH make -C native check >native.log 2>&1 || true
results native.log >native.list
cat native.log

for target in "${targets[@]}"; do
  "$TRIPLECHECK" hook autotools "$target" | grep '^\./configure ' >"$target.configure"
  cp -a "$source" "$target"
  (cd "$target" && sh "../$target.configure" && make)
  if [ "$(id -u)" = 0 ]; then
    # An ordinary user reaches neither root's cache nor, perhaps, this directory.
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    chmod 755 "$place"
    cp "$TRIPLECHECK" "$place/triplecheck"
    cp -a "$target" "$place/gzip"
    cp -a shadow "$place/shadow"
    mkdir "$place/cache"
    packages=${TRIPLECHECK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/triplecheck}/packages
    [ ! -d "$packages" ] || cp -a "$packages" "$place/cache"
    chown -R nobody "$place/gzip" "$place/cache"
    setpriv --reuid=nobody --regid=nogroup --clear-groups env -i PATH="$place/shadow:/usr/local/bin:/usr/bin:/bin" \
      TRIPLECHECK_CACHE="$place/cache" "$place/triplecheck" wrap -t "$target" -- make -C "$place/gzip" check \
      >"$target.user.log" 2>&1 || true
    cat "$target.user.log"
    results "$target.user.log" >"$target.user.list"
    compare "$target" 'gzip, an ordinary user' native.list "$target.user.list"
  fi
  PATH=$PWD/shadow:$PATH "$TRIPLECHECK" wrap -t "$target" -- make -C "$target" check >"$target.log" 2>&1 || true
  cat "$target.log"
  results "$target.log" >"$target.list"
  compare "$target" 'gzip' native.list "$target.list"
done
