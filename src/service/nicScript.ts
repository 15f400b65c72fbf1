/**
 * Prepares the interface that a tap is plugged into, and puts back what was there: POSIX shell, for root. Its words are
 * `prepare|restore INTERFACE FOLDER [dry]`; FOLDER keeps, in one file for each interface, what was there before.
 */
export const NIC_SCRIPT = `#!/bin/sh
set -eu
act=$1 if=$2 folder=$3 dry=\${4:-}
state=$folder/$if.state

die() { echo "$if: $*" >&2; exit 1; }
run() { echo "$*"; [ -n "$dry" ] || "$@"; }
# What this interface cannot do is told, and no failure.
try() { run "$@" || echo "$if: could not: $*"; }

for program in ip ethtool; do
  command -v "$program" >/dev/null || die "the program $program is not installed; install iproute2 and ethtool"
done
ip link show dev "$if" >/dev/null 2>&1 || die "there is no such interface; see: ip link"
v6=/proc/sys/net/ipv6/conf/$if/disable_ipv6

# The words of \`ethtool -k\`, and how \`ethtool -K\` calls them.
features() {
  ethtool -k "$if" 2>/dev/null | awk -F': ' '
    BEGIN {
      name["generic-receive-offload"] = "gro"; name["large-receive-offload"] = "lro"; name["rx-gro-hw"] = "rx-gro-hw"
      name["tcp-segmentation-offload"] = "tso"; name["generic-segmentation-offload"] = "gso"
      name["rx-vlan-offload"] = "rxvlan"; name["tx-vlan-offload"] = "txvlan"
    }
    $1 in name && $2 == "on" { print name[$1] }'
}
# The ring of received frames: the most it can have (line 1) and what it has (line 2).
rings() { ethtool -g "$if" 2>/dev/null | awk '$1 == "RX:" && $2 ~ /^[0-9]+$/ { print $2 }'; }
index() { ip -o link show dev "$if" | cut -d : -f 1; }
mtu() { ip -o link show dev "$if" | sed 's/.* mtu \\([0-9]*\\) .*/\\1/'; }
flag() { ip link show dev "$if" | grep -q "<[^>]*\\b$1\\b"; }

# In the order in which it is put back.
remember() {
  echo "index $(index)"
  echo "mtu $(mtu)"
  [ ! -e "$v6" ] || echo "ipv6 $(cat "$v6")"
  for one in $(features); do echo "feature $one"; done
  set -- $(rings)
  [ $# -lt 2 ] || [ "$1" = "$2" ] || echo "ring $2"
  flag NOARP || echo "arp on"
  flag UP || echo "down"
  ip -o addr show dev "$if" scope global | awk '{ print "address", $4 }'
}

prepare() {
  for family in -4 -6; do
    [ -z "$(ip -o $family route show default dev "$if" 2>/dev/null)" ] ||
      die "this machine's default route goes over it, which a tap must not carry; take another interface, or the route away"
  done
  again=
  if [ -e "$state" ] && grep -qx "index $(index)" "$state"; then again=yes; fi
  if [ -z "$dry" ] && [ -z "$again" ]; then
    mkdir -p "$folder"
    remember >"$state.new"
    mv "$state.new" "$state"
  fi
  for one in $(features); do try ethtool -K "$if" "$one" off; done
  set -- $(rings)
  [ $# -lt 2 ] || [ "$1" = "$2" ] || try ethtool -G "$if" rx "$1"
  ip -o addr show dev "$if" scope global | awk '{ print $4 }' | while read -r address; do
    run ip addr del "$address" dev "$if"
  done
  if [ -e "$v6" ] && [ "$(cat "$v6")" != 1 ]; then
    echo "echo 1 > $v6"
    [ -n "$dry" ] || echo 1 >"$v6"
  fi
  flag NOARP || run ip link set dev "$if" arp off
  # Frames that are longer than the MTU are dropped by many interfaces.
  most=$(ip -d link show dev "$if" | awk '{ for (i = 1; i < NF; i++) if ($i == "maxmtu") print $(i + 1) }')
  want=9216
  [ -z "$most" ] || [ "$most" -eq 0 ] || [ "$most" -ge "$want" ] || want=$most
  [ "$(mtu)" -ge "$want" ] || try ip link set dev "$if" mtu "$want"
  flag UP || run ip link set dev "$if" up
  echo "$if: prepared"
}

restore() {
  [ -e "$state" ] || { echo "$if: was not prepared, nothing to put back"; return 0; }
  if ! grep -qx "index $(index)" "$state"; then
    echo "$if: is another interface than the one that was prepared, nothing to put back"
  else
    down=
    while read -r key value; do
      case $key in
        mtu) [ "$(mtu)" = "$value" ] || try ip link set dev "$if" mtu "$value" ;;
        ipv6)
          echo "echo $value > $v6"
          [ -n "$dry" ] || echo "$value" >"$v6" ;;
        feature) try ethtool -K "$if" "$value" on ;;
        ring) try ethtool -G "$if" rx "$value" ;;
        arp) run ip link set dev "$if" arp on ;;
        address) try ip addr add "$value" dev "$if" ;;
        down) down=yes ;;
      esac
    done <"$state"
    [ -z "$down" ] || run ip link set dev "$if" down
    echo "$if: as it was"
  fi
  [ -n "$dry" ] || rm -f "$state"
}

case $act in
  prepare) prepare ;;
  restore) restore ;;
  *) die "neither prepare nor restore: $act" ;;
esac
`;
