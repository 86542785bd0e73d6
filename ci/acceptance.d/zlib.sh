# zlib, whose makefile pipes binary data through foreign programs and has a word for an emulator, which is left empty
# here. Its files belong to somebody else: root in a user namespace that knows only root could not write them.
packages make gcc libc6-dev
targets=(aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
"$TRIPLECHECK" setup --yes "${targets[@]}"
source=$(debian_source zlib)
unset QEMU_RUN
readonly other=12345

# tree NAME: a tree of somebody else's, where we may give files away.
tree() {
  cp -a "$source" "$1"
  [ "$(id -u)" != 0 ] || chown -R "$other:$other" "$1"
}

# results LOG: what the makefile says of its tests.
results() { sed -nE 's/^[ \t]*\*\*\* (zlib.* test) (OK|FAILED) \*\*\*.*/\1 \2/p' "$1" | sed -E 's/ (zlib|shared|64-bit|test)/_\1/g'; }

tree native
(cd native && ./configure && make)
make -C native check >native.log || true
results native.log >native.list
for target in "${targets[@]}"; do
  tree "$target"
  # The compiler's prefix is zlib's way to name a target.
  compiler=$("$TRIPLECHECK" hook make "$target" | sed -n 's/^CC := //p')
  (cd "$target" && CHOST=${compiler%-gcc} ./configure && make)
  "$TRIPLECHECK" wrap -t "$target" -- make -C "$target" check >"$target.log" || true
  cat "$target.log"
  results "$target.log" >"$target.list"
  compare "$target" zlib native.list "$target.list"
done
