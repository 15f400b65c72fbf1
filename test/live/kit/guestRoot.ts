import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GUEST_SHELL } from './guestShell.ts';
import { run } from './processes.ts';

/** What a guest boots from, and what boots it. */
export interface GuestParts {
  kernel: string;
  root: string;
  /** The emulator with the words that it needs to find its own parts. */
  emulator: readonly string[];
}

const MODULES =
  `virtio_pci virtio_net virtio_console virtio_rng iscsi_tcp sd_mod sg scsi_dh_alua crc32c_generic crc32c_intel
  dm_multipath dm_service_time dm_round_robin dm_queue_length ext4 xfs`.replace(/\s+/g, ' ');

const PROGRAMS =
  `linux-image-amd64 open-iscsi multipath-tools sg3-utils fio e2fsprogs xfsprogs kmod udev util-linux bash coreutils
  findutils grep sed iproute2 procps base-passwd diffutils mount cpio`.replace(/\s+/g, ' ');

const RULES =
  `50-udev-default 55-dm 55-scsi-sg3_id 56-dm-mpath 58-scsi-sg3_symlink 60-block 60-multipath 60-persistent-storage
  60-persistent-storage-dm 80-drivers 95-dm-notify`.replace(/\s+/g, ' ');

/**
 * The guest's first process. A line on its port is the number of an order and its shell script in Base64; the answer has the
 * number, the exit status and what was said, in Base64. Orders run beside each other.
 */
const INIT = `#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root BASH_ENV=/run/functions
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts /run /tmp /mnt; mount -t devpts pts /dev/pts
mount -t tmpfs run /run; mkdir -p /run/lock/iscsi /run/orders /var/lib/iscsi
for name in ${MODULES}; do modprobe $name; done
/lib/systemd/systemd-udevd --daemon
ip link set lo up
n=0
for link in /sys/class/net/e*; do
  n=$((n + 1)); name=$(basename "$link")
  ip addr add 10.7.$n.2/24 dev $name; ip link set $name up
done
cat >/run/functions <<'END'
${GUEST_SHELL}
END
echo InitiatorName=iqn.2024-01.lab.example:guest >/etc/iscsi/initiatorname.iscsi
sed -i 's/^iscsid.startup.*/iscsid.startup = true/' /etc/iscsi/iscsid.conf
iscsid
order() {
  base64 -d <<<"$2" >/run/orders/$1
  bash /run/orders/$1 </dev/null >/run/orders/$1.said 2>&1 3>&-; local code=$?
  { flock 9; echo "$1 $code $(base64 -w0 /run/orders/$1.said)" >&3; } 9>/run/orders/lock
}
while [ ! -e /dev/vport*p1 ]; do sleep 0.1; done
exec 3<>/dev/vport*p1
echo "0 0 " >&3
while read -r number script <&3; do order "$number" "$script" & done
`;

/** In a folder of its own: the guest's programs and kernel are unpacked, never installed. */
const MAKE = `set -e
umask 022
mkdir -p guest/partial root/usr/bin root/usr/sbin root/usr/lib root/usr/lib64
: > nothing
fetch() { apt-get -y -q -d -o Debug::NoLocking=1 -o APT::Install-Recommends=0 -o APT::Sandbox::User=root "$@"; }
fetch -o Dir::State::status="$PWD/nothing" -o Dir::Cache::archives="$PWD/guest" install ${PROGRAMS}
for name in bin sbin lib lib64; do ln -s usr/$name root/$name; done
for deb in guest/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C root; done
rm -r guest
if ! command -v qemu-system-x86_64; then
  mkdir -p qemu emulator/partial
  fetch -o Dir::Cache::archives="$PWD/emulator" install qemu-system-x86
  for deb in emulator/*.deb; do dpkg -x "$deb" qemu; done
  rm -r emulator
fi
cp root/usr/share/base-passwd/passwd.master root/etc/passwd
cp root/usr/share/base-passwd/group.master root/etc/group
cd root
version=$(ls lib/modules)
cp boot/vmlinuz-$version ../kernel
chroot . depmod $version
for name in ${MODULES}; do chroot . modprobe -S $version --show-depends $name; done | sed -n 's/^insmod //p' | sort -u > wanted
mkdir kept
while read -r path; do mkdir -p "kept/$(dirname "$path")"; cp ".$path" "kept/$path"; done < wanted
cp lib/modules/$version/modules.order lib/modules/$version/modules.builtin* kept/lib/modules/$version/
rm -r lib/modules/$version wanted
mv kept/lib/modules/$version lib/modules/
rm -r kept boot/* usr/share/doc usr/share/man usr/share/locale usr/share/perl* usr/share/info usr/share/initramfs-tools
rm -rf usr/lib/python3* usr/lib/klibc usr/lib/x86_64-linux-gnu/perl usr/lib/x86_64-linux-gnu/gconv usr/lib/firmware
chroot . depmod $version
mkdir rules
for name in ${RULES}; do cp lib/udev/rules.d/$name.rules rules/; done
rm -r lib/udev/rules.d
mv rules lib/udev/rules.d
cat > init
chmod 755 init
find . | ./bin/cpio -o -H newc --quiet > ../initramfs
cd ..
rm -r root
`;

/** The parts, made once for each version of what is above and kept in the folder for temporary files. */
export async function guestParts(): Promise<GuestParts> {
  const kept = join(
    tmpdir(),
    `tapmirror-guest-${createHash('sha256').update(MAKE).update(INIT).digest('hex').slice(0, 12)}`,
  );
  if (!existsSync(kept)) await make(kept);
  const unpacked = join(kept, 'qemu', 'usr');
  const libraries = `LD_LIBRARY_PATH=${join(unpacked, 'lib', 'x86_64-linux-gnu')}`;
  const emulator = existsSync(unpacked)
    ? ['env', libraries, join(unpacked, 'bin', 'qemu-system-x86_64'), '-L', join(unpacked, 'share', 'qemu')]
    : ['qemu-system-x86_64'];
  return { kernel: join(kept, 'kernel'), root: join(kept, 'initramfs'), emulator };
}

async function make(kept: string): Promise<void> {
  const folder = mkdtempSync(`${kept}-`);
  try {
    const words = ['sh', '-c', `cd "$1" && printf %s "$2" > said-init && sh -c "$3" make < said-init`];
    await run(undefined, [...words, 'make', folder, INIT, MAKE], 600_000);
    renameSync(folder, kept);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}
