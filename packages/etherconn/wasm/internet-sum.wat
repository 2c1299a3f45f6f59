;; The Internet checksum's sum (RFC 1071) over a range of the memory that frames lie in, sixteen bytes at a time.
;;
;; The words are added up in the machine's byte order, which WebAssembly has as little-endian everywhere, and swapped
;; once at the end: the sum does not care (RFC 1071 §2 B). Assembled by scripts/build-wasm.mjs.
(module
  ;; No maximum here: any memory fits, whatever its size.
  (import "frames" "memory" (memory 0))

  ;; The bytes [at, end) as big-endian 16-bit words, an odd last byte padded with zero, folded to 16 bits (0 only where
  ;; all bytes are 0). Any alignment: unaligned loads cost the same here. At most 512 KiB, else lanes overflow: each
  ;; vector adds at most 2 * 0xffff to each lane of 32 bits.
  (func (export "sum") (param $at i32) (param $end i32) (result i32)
    ;; Bytes that are left. Counted down, and not compared as addresses, which are negative from 2 GiB on.
    (local $left i32)
    ;; Two, because an addition waits for the one before it into the same variable.
    (local $even v128)
    (local $odd v128)
    (local $word i64)
    (local $sum i64)
    (local.set $left (i32.sub (local.get $end) (local.get $at)))

    (if (i32.ge_u (local.get $left) (i32.const 64))
      (then
        (loop $round
          (local.set $even
            (i32x4.add (local.get $even)
              (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
          (local.set $odd
            (i32x4.add (local.get $odd)
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at)))))
          (local.set $even
            (i32x4.add (local.get $even)
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 align=1 (local.get $at)))))
          (local.set $odd
            (i32x4.add (local.get $odd)
              (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 align=1 (local.get $at)))))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (local.set $left (i32.sub (local.get $left) (i32.const 64)))
          (br_if $round (i32.ge_u (local.get $left) (i32.const 64))))))

    (if (i32.ge_u (local.get $left) (i32.const 16))
      (then
        (loop $vector
          (local.set $even
            (i32x4.add (local.get $even)
              (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $left (i32.sub (local.get $left) (i32.const 16)))
          (br_if $vector (i32.ge_u (local.get $left) (i32.const 16))))))

    ;; Eight lanes to one number, in 64 bits from here on, so that no carry is lost.
    (local.set $even
      (i64x2.add
        (i64x2.add
          (i64x2.extend_low_i32x4_u (local.get $even))
          (i64x2.extend_high_i32x4_u (local.get $even)))
        (i64x2.add
          (i64x2.extend_low_i32x4_u (local.get $odd))
          (i64x2.extend_high_i32x4_u (local.get $odd)))))
    (local.set $sum
      (i64.add (i64x2.extract_lane 0 (local.get $even)) (i64x2.extract_lane 1 (local.get $even))))

    ;; Less than a vector is left. Words of 16 bits may be added in pairs or fours, for all fold to the same.
    (if (i32.and (local.get $left) (i32.const 8))
      (then
        (local.set $word (i64.load align=1 (local.get $at)))
        (local.set $sum
          (i64.add (local.get $sum)
            (i64.add
              (i64.and (local.get $word) (i64.const 0xffffffff))
              (i64.shr_u (local.get $word) (i64.const 32)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (if (i32.and (local.get $left) (i32.const 4))
      (then
        (local.set $sum (i64.add (local.get $sum) (i64.load32_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (if (i32.and (local.get $left) (i32.const 2))
      (then
        (local.set $sum (i64.add (local.get $sum) (i64.load16_u align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    ;; In little-endian words the first byte is the low one: the padding is above it by itself.
    (if (i32.and (local.get $left) (i32.const 1))
      (then (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))))

    ;; Folded: under 2^36 before, then at most 2^32 + 15, 0x1ffff, 0x10000 and 0xffff.
    (local.set $sum
      (i64.add
        (i64.and (local.get $sum) (i64.const 0xffffffff))
        (i64.shr_u (local.get $sum) (i64.const 32))))
    (local.set $sum
      (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))
    (local.set $sum
      (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))
    (local.set $sum
      (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))

    ;; Bytes swapped.
    (i32.wrap_i64
      (i64.or
        (i64.shl (i64.and (local.get $sum) (i64.const 0xff)) (i64.const 8))
        (i64.shr_u (local.get $sum) (i64.const 8))))))
