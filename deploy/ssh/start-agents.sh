#!/bin/sh
# Starts an agent of etherconn's campaigns on each machine, by ssh, as a transient unit of systemd:
#
#   start-agents.sh NATS_URL KEYS INTERFACE MACHINE …
#
# KEYS is the folder that `etherconn campaign keys` has made, with NAME.nk for the machine of each name, and the server's
# ca.pem. The machines have Node.js 20.19 or later. One machine by hand is one line:
#
#   ssh root@box1 systemd-run --unit etherconn-agent npx -y @etherconn/cli agent eth1 --nats URL --creds /root/box1.nk
#
# Stop them with: ssh root@MACHINE systemctl stop etherconn-agent
set -eu
[ $# -ge 4 ] || { echo "usage: start-agents.sh NATS_URL KEYS INTERFACE MACHINE ..." >&2; exit 2; }
url=$1 keys=$2 interface=$3
shift 3

for machine; do
  [ -r "$keys/$machine.nk" ] || { echo "start-agents.sh: no key $keys/$machine.nk" >&2; exit 1; }
done
# All at once: they wait for the campaign, which starts them at the same instant.
start() {
  tar -C "$keys" -cf - "$1.nk" ca.pem | ssh "root@$1" "
    set -e
    umask 077
    mkdir -p /etc/etherconn && tar -C /etc/etherconn -xf -
    systemctl stop etherconn-agent 2>/dev/null || true
    systemd-run --quiet --collect --unit etherconn-agent \
      -p Restart=on-failure -p LimitMEMLOCK=infinity -p StateDirectory=etherconn \
      npx -y -p @etherconn/cli -p @etherconn/campaign etherconn agent '$interface' --name '$1' \
      --nats '$url' --creds '/etc/etherconn/$1.nk' --tls-ca /etc/etherconn/ca.pem --state /var/lib/etherconn"
}
started=
for machine; do
  start "$machine" &
  started="$started $!:$machine"
done
failed=0
for each in $started; do
  if wait "${each%%:*}"; then echo "${each#*:}: started"; else echo "${each#*:}: failed" >&2; failed=1; fi
done
exit $failed
