import {
  ARP_HARDWARE_LENGTH,
  ARP_HARDWARE_TYPE,
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_PROTOCOL_LENGTH,
  ARP_PROTOCOL_TYPE,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  ArpOperation,
  emitArp,
} from '../wire/arp.ts';
import { EtherType } from '../wire/ethertype.ts';
import { type Definition, type LayerFunction, layerFunction } from './definition.ts';
import { FILLED, FILLED_HEX, ip, mac, uint } from './field.ts';

/** ARP packet (RFC 826). */
export interface ArpLayer {
  readonly layer: 'arp';
  /** Filled: 1, Ethernet. */
  readonly hardwareType?: number;
  /** Filled: 0x0800, IPv4. */
  readonly protocolType?: number;
  /** Filled: 6. */
  readonly hardwareLength?: number;
  /** Filled: 4. */
  readonly protocolLength?: number;
  /** `ArpOperation` of etherconn/wire; default 1, a request. */
  readonly operation?: number;
  /** Default: zeros, as of the other addresses. */
  readonly senderMac?: string;
  readonly senderIp?: string;
  readonly targetMac?: string;
  readonly targetIp?: string;
}

const MAC = new Uint8Array(6);
const IP = new Uint8Array(4);

export const arpDefinition: Definition = {
  name: 'arp',
  length: ARP_LENGTH,
  fields: {
    hardwareType: uint(ARP_HARDWARE_TYPE, 2, FILLED),
    protocolType: uint(ARP_PROTOCOL_TYPE, 2, FILLED_HEX),
    hardwareLength: uint(ARP_HARDWARE_LENGTH, 1, FILLED),
    protocolLength: uint(ARP_PROTOCOL_LENGTH, 1, FILLED),
    operation: uint(ARP_OPERATION, 2),
    senderMac: mac(ARP_SENDER_MAC),
    senderIp: ip(ARP_SENDER_IP, 4),
    targetMac: mac(ARP_TARGET_MAC),
    targetIp: ip(ARP_TARGET_IP, 4),
  },
  number: { etherType: EtherType.ARP },
  emit(u8, { at }) {
    emitArp(u8, at, { operation: ArpOperation.REQUEST, senderMac: MAC, senderIp: IP, targetIp: IP });
  },
  contentEnd: (_u8, _at, content) => content,
  isAnswerTo: (answer, request) =>
    answer.operation === ArpOperation.REPLY &&
    request.operation === ArpOperation.REQUEST &&
    answer.senderIp === request.targetIp,
  reply: ({ senderMac, senderIp, targetIp }) => ({
    operation: ArpOperation.REPLY,
    senderMac: undefined,
    senderIp: targetIp,
    targetMac: senderMac,
    targetIp: senderIp,
  }),
};

/** An ARP packet for Ethernet and IPv4; default a request. */
export const arp: LayerFunction<ArpLayer> = layerFunction<ArpLayer>(arpDefinition);
