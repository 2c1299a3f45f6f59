#!/bin/sh
# Installs what the tests and the demo can use and what is missing here: on Debian and its kin, as root. What
# cannot be installed is named, one line each, and the tests that need it are skipped. Never fails its caller.
#
#   setup-tools.sh [--daemons] [--servers] [--cross] [--bench]
#     --daemons: also packages that bring a running service with them (for CI machines)
#     --servers: also the servers that libraries of npm talk to in tests: nginx, redis, mosquitto, PostgreSQL
#     --cross: also the compilers and the emulator for the prebuilt addons
#     --bench: also what the programs that benches compare with are built by

# Command or file, the Debian package it comes in, and what it is for.
tools='gcc:gcc:compiling the native addon
ip:iproute2:namespaces and veth pairs, in tests and the demo
nsenter:util-linux:namespaces, in tests and the demo
ping:iputils-ping:tests against the kernel network stack
tshark:tshark:comparing our decoding
tcpdump:tcpdump:capturing in tests
ethtool:ethtool:tests of offloads and of the doctor
sysctl:procps:tests of labs and of the doctor
dnsmasq:dnsmasq-base:DHCP tests
arping:iputils-arping:tests of hosts
ndisc6:ndisc6:tests of hosts
clang:clang:the in-kernel program
python3:python3-minimal:sending merged datagrams in tests
chromium:chromium:tests of reports in a browser'
for option in "$@"; do
  case $option in
  --daemons) tools="$tools
snmpd:snmpd:tests of SNMP from a host
promtool:prometheus:tests of the metrics of the command
nats-server:nats-server:tests of campaigns
kea-dhcp4:kea-dhcp4-server:tests of DHCP clients by the thousand" ;;
  --servers) tools="$tools
ss:iproute2:waiting for servers
openssl:openssl:certificates in tests
nginx:nginx-light:tests of HTTP clients
redis-server:redis-server:tests of ioredis
mosquitto:mosquitto:tests of mqtt
/usr/lib/postgresql:postgresql:tests of pg" ;;
  --cross) tools="$tools
x86_64-linux-gnu-gcc:gcc-x86-64-linux-gnu:building the addon for x64
aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu:building the addon for arm64
/usr/aarch64-linux-gnu/include/errno.h:libc6-dev-arm64-cross:building the addon for arm64
/usr/aarch64-linux-gnu/lib/libstdc++.so.6:libstdc++6-arm64-cross:running the arm64 build of Node
qemu-aarch64:qemu-user:loading the addon for arm64" ;;
  --bench) tools="$tools
g++:g++:building rivals
make:make:building rivals
python3:python3:building rivals
pcap-config:libpcap-dev:building rivals
perfdhcp:kea-admin:comparing DHCP clients" ;;
  *) echo "setup-tools.sh: no option $option" >&2 && exit 2 ;;
  esac
done

PATH="$PATH:/usr/sbin:/sbin"

# Prints the lines of $tools whose command is not there.
missing() {
  echo "$tools" | while IFS=: read -r command package purpose; do
    command -v "$command" >/dev/null 2>&1 || [ -e "$command" ] || echo "$command:$package:$purpose"
  done
  # The compiler is of no use without the C library's headers.
  if command -v gcc >/dev/null 2>&1 && ! echo '#include <errno.h>' | gcc -E -x c -o /dev/null - >/dev/null 2>&1; then
    echo 'errno.h:libc6-dev:compiling the native addon'
  fi
}

# Prints a line for each of what is missing, and the command that would install it.
report() {
  echo "$1" | while IFS=: read -r command package purpose; do
    echo "missing: $command (Debian package $package), for $purpose"
  done
}

wanted=$(missing)
[ -z "$wanted" ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  report "$wanted"
  exit 0
fi

# gcc alone brings no headers.
packages=$(echo "$wanted" | cut -d: -f2 | sed 's/^gcc$/gcc libc6-dev/')
export DEBIAN_FRONTEND=noninteractive
install() {
  # shellcheck disable=SC2086 # one word per package
  apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 </dev/null
}
# shellcheck disable=SC2086
if ! install $packages; then
  apt-get update -q >/dev/null 2>&1 </dev/null
  # One by one, so that a package that is not to be had does not keep the others out.
  # shellcheck disable=SC2086
  install $packages || for package in $packages; do install "$package"; done
fi

wanted=$(missing)
[ -z "$wanted" ] || report "$wanted"
exit 0
