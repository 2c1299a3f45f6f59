/** States of a connection: RFC 9293 §3.3.2. LISTEN is a Listener, TIME-WAIT a row of TimeWait. */
export const TcpState = {
  CLOSED: 0,
  SYN_SENT: 1,
  SYN_RECEIVED: 2,
  ESTABLISHED: 3,
  FIN_WAIT_1: 4,
  FIN_WAIT_2: 5,
  CLOSE_WAIT: 6,
  CLOSING: 7,
  LAST_ACK: 8,
} as const;
