/** What blocks of code on pages of docs/ may use without saying where it comes from. */
import type * as etherconn from 'etherconn';

declare global {
  const relay: etherconn.Relay & etherconn.XDPRelay;
  const network: etherconn.MemoryNetwork;
  const host: etherconn.Host;
  const socket: ReturnType<etherconn.Host['dgram']['createSocket']>;
  const conn: etherconn.RUDPConn;
  const ether: etherconn.EtherConn;
}
