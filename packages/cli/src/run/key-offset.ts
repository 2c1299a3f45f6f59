import { isMap, isPair, isScalar, isSeq, type Node } from 'yaml';

/** The position of a key in a document, or of the nearest thing to it. */
export function keyOffset(root: Node | null, path: readonly string[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const key of path) {
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && `${item.key.value}` === key);
      if (!isPair(pair)) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      next = pair.value;
    } else if (isSeq(node)) {
      next = node.items[Number(key)];
      offset = (next as Node | undefined)?.range?.[0] ?? offset;
    }
    node = next;
  }
  return offset;
}
