/** What the scripts of a guest's tests are written in, beside its programs. */
export const GUEST_SHELL = `
# TARGET PORTAL [SETTING VALUE]...
login() {
  local node="iscsiadm -m node -T $1 -p $2"; shift 2
  $node -o new >/dev/null
  while [ $# -gt 0 ]; do $node -o update -n "$1" -v "$2"; shift 2; done
  $node --login >/dev/null && udevadm settle
}
# TARGET PORTAL. udev looks at a disk that was written, and what it cannot read any more would be a complaint
logout() {
  udevadm settle
  iscsiadm -m node -T $1 -p $2 --logout >/dev/null
  iscsiadm -m node -T $1 -p $2 -o delete
}
# TARGET PORTAL LUN: its device
disk() {
  local link=/dev/disk/by-path/ip-$2-iscsi-$1-lun-$3
  for i in $(seq 300); do [ -e $link ] && break; sleep 0.1; done
  readlink -e $link
}
# FILE DEPTH SMALLEST-LARGEST MEGABYTES [MORE]...: writes at random, and reads what it wrote. All of it was zeros before, as
# fio would take what an earlier run left in a block for its own, and so would not miss a write
verified() {
  local file=$1 depth=$2 sizes=$3 megabytes=$4; shift 4
  if [ -b $file ]; then blkdiscard -z -f -l $megabytes"MiB" $file || return; else rm -f $file; fi
  fio --name=verified --filename=$file --size=$megabytes"m" --rw=randwrite --blocksize_range=$sizes --direct=1 \\
    --ioengine=libaio --iodepth=$depth --verify=crc32c --verify_fatal=1 --minimal "$@" >/dev/null
}
# FILE [FEATURE]...: takes a file system, keeps what is in it, gives room back, and is whole afterwards
filesystem() {
  local kind=$1 device=$2
  case $kind in ext4) mkfs.ext4 -q $device;; xfs) mkfs.xfs -q -f $device;; esac
  mkdir -p /mnt/$kind; mount -o discard $device /mnt/$kind
  cp -r /usr/sbin /etc /mnt/$kind; mkdir /mnt/$kind/gone; cp /usr/bin/[a-m]* /mnt/$kind/gone
  (cd /mnt/$kind; find sbin etc -type f | xargs sha256sum >/tmp/sums.$kind)
  rm -r /mnt/$kind/gone; fstrim /mnt/$kind
  umount /mnt/$kind; mount $device /mnt/$kind
  (cd /mnt/$kind; sha256sum -c --quiet /tmp/sums.$kind)
  umount /mnt/$kind
  case $kind in ext4) e2fsck -fn $device;; xfs) xfs_repair -n $device;; esac 2>&1
}
# The same again and again, until there is a file /run/enough
verified_long() { until [ -e /run/enough ]; do verified "$@" || return; done; }
# REASON-FREE COMMAND...: has to be refused
refused() { if "$@" >/dev/null 2>&1; then echo "was not refused: $*"; return 1; fi; }
# DEVICE...: what there is of multipath, once each is a path of a map
multipaths() {
  [ -e /etc/multipath.conf ] || printf 'defaults {\\n user_friendly_names no\\n polling_interval 2\\n find_multipaths no\\n no_path_retry queue\\n}\\n' >/etc/multipath.conf
  pgrep -x multipathd >/dev/null || multipathd 2>/dev/null
  for i in $(seq 300); do
    local all=1
    for device in "$@"; do multipath -ll 2>/dev/null | grep " $(basename $device) .* active ready" >/dev/null || all=0; done
    [ $all = 1 ] && break; sleep 0.2
  done
  [ $all = 1 ] || { multipath -ll; return 1; }
}
# DEVICE: the map that it is a path of
map() { echo /dev/$(basename $(readlink -e /sys/block/$(basename $1)/holders/dm-*)); }
# TEXT SECONDS: until multipath says so
multipath_says() {
  for i in $(seq $(($2 * 2))); do multipath -ll 2>/dev/null | grep -E "$1" >/dev/null && return; sleep 0.5; done
  multipath -ll; return 1
}
`;
