/** Counters of IGMP and MLD together. */
export interface GroupStats {
  /** Packets sent: reports, leaves and dones. */
  reportsSent: number;
  queriesReceived: number;
  /** Reports and dones of others. */
  reportsReceived: number;
  /** Messages that are not whole, have a bad checksum, or that no router may send so; dropped. */
  malformed: number;
}
