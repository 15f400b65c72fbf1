/**
 * Shell: makes, in a mount namespace of its own, this machine's root, or that in the folder TAPMIRROR_MACHINE_ROOT (made by
 * debootstrap, say), with a layer above it in memory: `$1/root`.
 */
export const LAYER = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 layer "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=\${TAPMIRROR_MACHINE_ROOT:-/},upperdir=$1/up,workdir=$1/work" overlay "$1/root"`;

/** Words that keep a container out of the books of the systemd that may run this machine. */
export const CONTAINER = '--register=no --keep-unit';
