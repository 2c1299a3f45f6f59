import { readU32 } from '../../wire/bytes.ts';

/** Whether it is the group of all hosts on the link, 224.0.0.1 or ff02::1 (RFC 1112 §4, RFC 4291 §2.7.1). */
export function isAllHosts(u8: Uint8Array, offset: number, version: number): boolean {
  if (version === 4) return readU32(u8, offset) === 0xe0000001;
  return (
    readU32(u8, offset) === 0xff020000 &&
    readU32(u8, offset + 4) === 0 &&
    readU32(u8, offset + 8) === 0 &&
    readU32(u8, offset + 12) === 1
  );
}
