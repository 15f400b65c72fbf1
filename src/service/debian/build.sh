#!/bin/sh
# Makes the Debian package of what was built: build.sh [FOLDER [VERSION]]. Prints the package's path.
# Needs dpkg-deb; the program in dist and its packages in node_modules are taken as they are here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=${1:-$top/dist}
version=${2:-$(node -p 'require(process.argv[1]).version' "$top/package.json")}
arch=$(dpkg --print-architecture)
launch=$top/dist/src/cli/launch.cjs
[ -e "$top/dist/tapmirror.cjs" ] || { echo "build.sh: nothing is built; run: npm run build" >&2; exit 1; }
mkdir -p "$out"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
lib=$stage/usr/lib/tapmirror
doc=$stage/usr/share/doc/tapmirror
mkdir -p "$lib/dist" "$stage/usr/bin" "$doc" "$stage/DEBIAN"

# The program, without its tests and what only a debugger reads.
(cd "$top/dist" && find . -type f ! -path './test/*' ! -name '*.map' ! -name '*.deb' ! -name 'stat.json' -print0 | tar -c --null -T -) |
  tar -x -C "$lib/dist"
node -e '
  const { name, version, description, license, type, engines } = require(process.argv[1]);
  const shipped = { name, version: process.argv[2] || version, description, license, type, engines };
  process.stdout.write(`${JSON.stringify(shipped, null, 2)}\n`);
' "$top/package.json" "$version" >"$lib/package.json"

# Packages that it runs with. Natives are those that were built or fetched here; sources and other machines stay behind.
(cd "$top" && npm ls --omit=dev --all --parseable 2>/dev/null) | sed -n "s|^$top/||p" | grep -vxE 'node_modules/(nan|node-addon-api)' |
  sort >"$stage/modules"
while read -r module; do
  mkdir -p "$lib/$(dirname "$module")"
  (cd "$top" && tar -c --exclude="$module/node_modules" "$module") | tar -x -C "$lib"
done <"$stage/modules"
rm "$stage/modules"
case $arch in amd64) machine=x64 ;; armhf) machine=arm ;; *) machine=$arch ;; esac
find "$lib/node_modules" -type d -path '*/prebuilds/*' ! -name "linux-$machine" -prune -exec rm -rf {} +
find "$lib/node_modules" -type d \( -name obj.target -o -name .deps -o -name .bin \) -prune -exec rm -rf {} +
find "$lib/node_modules" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.cts' -o -name '*.mts' \) -delete

ln -s ../lib/tapmirror/dist/src/cli/launch.cjs "$stage/usr/bin/tapmirror"
node "$launch" install --package --root "$stage" >/dev/null
cp "$top/README.md" "$doc/README.md"
cp "$top/LICENSE" "$doc/copyright"
cp -R "$top/src/cli/schemas" "$doc/schemas"

# Parts that the program prints itself.
part() {
  target=$stage$1
  shift
  mkdir -p "$(dirname "$target")"
  node "$launch" "$@" >"$target" 2>/dev/null || rm -f "$target"
}
part /usr/share/bash-completion/completions/tapmirror completion bash
part /usr/share/zsh/vendor-completions/_tapmirror completion zsh
find "$stage/usr/share" -type d -empty -delete

# The binding of libpcap is made for the Node that it was built with, and for no later one.
depends="nodejs (>= 20.19), systemd, util-linux, libstdc++6"
if [ -d "$lib/node_modules/pcap" ]; then
  major=$(node -p 'process.versions.node.split(".")[0]')
  depends="$depends, nodejs (<< $((major + 1))), libpcap0.8 | libpcap0.8t64"
fi
cat >"$stage/DEBIAN/control" <<END
Package: tapmirror
Version: $version
Architecture: $arch
Maintainer: tapmirror <tapmirror@localhost>
Section: net
Priority: optional
Installed-Size: $(du -sk "$stage/usr" | awk '{ sum += $1 } END { print sum }')
Depends: $depends
Recommends: iproute2, ethtool
Description: mirroring unit for iSCSI and parallel SCSI volumes
 Snoops the bus between hosts and a volume, keeps mirrors of the volume equal,
 here or at another site, and keeps its past there.
END
for script in postinst prerm postrm; do install -m 755 "$here/$script" "$stage/DEBIAN/$script"; done
chmod -R u=rwX,go=rX "$stage/usr"

package=$out/tapmirror_${version}_$arch.deb
dpkg-deb --root-owner-group -Zgzip --build "$stage" "$package" >/dev/null
echo "$package"
