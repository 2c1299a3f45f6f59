/** EtherTypes, the IEEE 802 numbers in the type field of Ethernet II (IANA "ieee-802-numbers"). */
export const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  WAKE_ON_LAN: 0x0842,
  /** 802.1Q customer tag. */
  VLAN: 0x8100,
  IPV6: 0x86dd,
  /** IEEE 802.3 Annex 31B: PAUSE and PFC. */
  MAC_CONTROL: 0x8808,
  /** IEEE 802.3 slow protocols: LACP, marker, OAM. */
  SLOW: 0x8809,
  MPLS: 0x8847,
  MPLS_MULTICAST: 0x8848,
  /** RFC 2516. */
  PPPOE_DISCOVERY: 0x8863,
  /** RFC 2516. */
  PPPOE_SESSION: 0x8864,
  /** IEEE 802.1X. */
  EAPOL: 0x888e,
  /** 802.1ad service tag, also called QinQ. */
  S_VLAN: 0x88a8,
  /** IEEE 802 local experimental EtherType 1. */
  EXPERIMENTAL_1: 0x88b5,
  /** IEEE 802 local experimental EtherType 2. */
  EXPERIMENTAL_2: 0x88b6,
  LLDP: 0x88cc,
  MACSEC: 0x88e5,
  /** IEEE 802.1Q §9.7 (802.1ah): a whole frame of a customer behind a service's number. */
  I_TAG: 0x88e7,
  /** IEEE 1588. */
  PTP: 0x88f7,
  /** IEEE 802.1ag. */
  CFM: 0x8902,
  LOOPBACK: 0x9000,
} as const;

/** Values of the type field from here on are types; below they are IEEE 802.3 lengths (IEEE 802.3 §3.2.6). */
export const ETHERTYPE_MIN = 0x0600;

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [EtherType.IPV4, 'IPv4'],
  [EtherType.ARP, 'ARP'],
  [EtherType.WAKE_ON_LAN, 'Wake-on-LAN'],
  [EtherType.VLAN, '802.1Q'],
  [EtherType.IPV6, 'IPv6'],
  [EtherType.MAC_CONTROL, 'MAC control'],
  [EtherType.SLOW, 'Slow protocols'],
  [EtherType.MPLS, 'MPLS'],
  [EtherType.MPLS_MULTICAST, 'MPLS multicast'],
  [EtherType.PPPOE_DISCOVERY, 'PPPoE discovery'],
  [EtherType.PPPOE_SESSION, 'PPPoE session'],
  [EtherType.EAPOL, 'EAPOL'],
  [EtherType.S_VLAN, '802.1ad'],
  [EtherType.EXPERIMENTAL_1, 'Experimental 1'],
  [EtherType.EXPERIMENTAL_2, 'Experimental 2'],
  [EtherType.LLDP, 'LLDP'],
  [EtherType.MACSEC, 'MACsec'],
  [EtherType.I_TAG, '802.1ah'],
  [EtherType.PTP, 'PTP'],
  [EtherType.CFM, 'CFM'],
  [EtherType.LOOPBACK, 'Loopback'],
]);

/** The name of an EtherType, 'Unknown' when it has none here. */
export function etherTypeName(etherType: number): string {
  return NAMES.get(etherType) ?? 'Unknown';
}

/** An EtherType as text: `0x0800`. */
export function formatEtherType(etherType: number): string {
  return `0x${etherType.toString(16).padStart(4, '0')}`;
}
