import { DHCPV4_CLIENT_PORT, DHCPV4_SERVER_PORT, parseDhcpv4 } from '../wire/dhcpv4.ts';
import { readDhcpv4Options } from '../wire/dhcpv4-options.ts';
import { formatIp } from '../wire/ip.ts';
import { formatMac, MAC_LENGTH } from '../wire/mac.ts';
import { Fragment, type FrameRecord } from '../wire/record.ts';

/** Fields of whole DHCPv4 messages on their ports. Addresses are text, times seconds. */
export interface DecodedDhcp {
  /** 1 from a client, 2 from a server. */
  'dhcp.type'?: number;
  /** Transaction, as '0x12345678'. */
  'dhcp.id'?: string;
  'dhcp.hw.mac_addr'?: string;
  'dhcp.ip.client'?: string;
  'dhcp.ip.your'?: string;
  'dhcp.ip.server'?: string;
  'dhcp.ip.relay'?: string;
  /** Message type: 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, 8 inform. */
  'dhcp.option.dhcp'?: number;
  'dhcp.option.requested_ip_address'?: string;
  'dhcp.option.dhcp_server_id'?: string;
  'dhcp.option.ip_address_lease_time'?: number;
  'dhcp.option.subnet_mask'?: string;
  'dhcp.option.router'?: string[];
  'dhcp.option.domain_name_server'?: string[];
  'dhcp.option.hostname'?: string;
  'dhcp.option.domain_name'?: string;
  'dhcp.option.interface_mtu'?: number;
  /** Codes of all options, in their order. */
  'dhcp.option.type'?: number[];
}

const HARDWARE_ETHERNET = 1;

export function addDhcp(decoded: DecodedDhcp, u8: Uint8Array, record: FrameRecord): void {
  if (record.ipVersion !== 4 || record.fragment !== Fragment.NONE) return;
  if (!isDhcpPort(record.sourcePort) && !isDhcpPort(record.destinationPort)) return;
  const message = parseDhcpv4(u8, record.payload, record.payloadEnd);
  if (message === null) return;
  decoded['dhcp.type'] = message.op;
  decoded['dhcp.id'] = `0x${message.xid.toString(16).padStart(8, '0')}`;
  if (message.hardwareType === HARDWARE_ETHERNET && message.hardwareAddress.length === MAC_LENGTH)
    decoded['dhcp.hw.mac_addr'] = formatMac(message.hardwareAddress);
  decoded['dhcp.ip.client'] = formatIp(message.clientAddress);
  decoded['dhcp.ip.your'] = formatIp(message.yourAddress);
  decoded['dhcp.ip.server'] = formatIp(message.serverAddress);
  decoded['dhcp.ip.relay'] = formatIp(message.relayAddress);
  const options = readDhcpv4Options(message.options);
  const set = <Name extends keyof DecodedDhcp>(name: Name, value: DecodedDhcp[Name] | undefined): void => {
    if (value !== undefined) decoded[name] = value as DecodedDhcp[Name];
  };
  set('dhcp.option.dhcp', options.messageType);
  set('dhcp.option.requested_ip_address', options.requestedAddress);
  set('dhcp.option.dhcp_server_id', options.serverId);
  set('dhcp.option.ip_address_lease_time', options.leaseTime);
  set('dhcp.option.subnet_mask', options.subnetMask);
  set('dhcp.option.router', options.routers?.slice());
  set('dhcp.option.domain_name_server', options.dnsServers?.slice());
  set('dhcp.option.hostname', options.hostName);
  set('dhcp.option.domain_name', options.domainName);
  set('dhcp.option.interface_mtu', options.mtu);
  if (message.options.size > 0) decoded['dhcp.option.type'] = [...message.options.keys()];
}

function isDhcpPort(port: number): boolean {
  return port === DHCPV4_CLIENT_PORT || port === DHCPV4_SERVER_PORT;
}
