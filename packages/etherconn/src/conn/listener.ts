/**
 * The listener of event `K` in the event map `T`, as EventEmitter types it: for classes that override `on`, whose
 * users shall still have their listeners' arguments typed.
 */
export type Listener<T, K> = K extends keyof T
  ? T[K] extends unknown[]
    ? (...args: T[K]) => void
    : never
  : never;
