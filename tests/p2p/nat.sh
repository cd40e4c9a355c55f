#!/usr/bin/env bash
# A network of its own for tests: a server in the open, and people behind routers of their own.
# Runs as root of a user namespace; nothing of it is seen outside.
#
#   nat.sh PROGRAM [ARGS…]     inside: ip netns exec ana|ben|cleo|dan|eve|server|r-ana|… COMMAND…
#
#   server 10.9.0.1 ─┬─ r-ana  10.9.0.11 ── ana  192.168.11.2
#                    ├─ r-ben  10.9.0.12 ── ben  192.168.12.2     ana and ben: symmetric NAT
#                    ├─ r-cleo 10.9.0.13 ── cleo 192.168.13.2     no UDP passes
#                    ├─ r-dan  10.9.0.14 ── dan  192.168.14.2
#                    └─ r-eve  10.9.0.15 ── eve  192.168.15.2     dan and eve: NAT that keeps ports, with a way between them
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
if [[ ${1:-} != --inside ]]; then
  exec unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi
shift
mount -t tmpfs none /run
mkdir -p /run/netns
ip link set lo up
ip link add world type bridge
ip link set world up
for name in server ana ben cleo dan eve; do ip netns add "$name"; ip -n "$name" link set lo up; done
wire() { # namespace, its end, the bridge's end, address
  ip link add "$3" type veth peer name "$2" netns "$1"
  ip link set "$3" master world up
  ip -n "$1" addr add "$4" dev "$2"
  ip -n "$1" link set "$2" up
}
wire server out w-server 10.9.0.1/24
# Without a way out a browser offers no address.
ip -n server route add default via 10.9.0.254
number=11
for name in ana ben cleo dan eve; do
  router="r-$name"
  ip netns add "$router"
  ip -n "$router" link set lo up
  wire "$router" out "w-$name" "10.9.0.$number/24"
  ip link add in netns "$router" type veth peer name out netns "$name"
  ip -n "$router" addr add "192.168.$number.1/24" dev in
  ip -n "$router" link set in up
  ip -n "$name" addr add "192.168.$number.2/24" dev out
  ip -n "$name" link set out up
  ip -n "$name" route add default via "192.168.$number.1"
  ip netns exec "$router" sysctl -qw net.ipv4.ip_forward=1
  ip netns exec "$router" nft -f - <<NFT
table ip nat {
  chain out { type nat hook postrouting priority 100; oifname "out" masquerade $([[ $name == dan || $name == eve ]] || echo fully-random); }
  # Whoever knocks before the way is open must leave no trace: the port would count as taken.
  chain knock { type filter hook input priority 0; iifname "out" meta l4proto udp drop; }
  chain through { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    $([[ $name == cleo ]] && echo 'meta l4proto udp drop')
    iifname "in" accept
  }
}
NFT
  number=$((number + 1))
done
export NAT_READY=1
"$@"
