package dataset

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// valueDecoder appends the values in raw to one slice of an Array. left is the number of values
// that are still to come, with those in raw.
type valueDecoder func(a *Array, raw []byte, order binary.ByteOrder, left int) error

// valueDecoders maps the supported element types, by NumPy's kind and size, to decoders into the
// closest element type of Array.
var valueDecoders = map[string]valueDecoder{
	"f2":  toF32(2, func(o binary.ByteOrder, b []byte) float32 { return float16(o.Uint16(b)) }),
	"f4":  toF32(4, func(o binary.ByteOrder, b []byte) float32 { return math.Float32frombits(o.Uint32(b)) }),
	"f8":  toF64(8, func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }),
	"f12": longDoubles(12),
	"f16": longDoubles(16),
	"b1":  toBool,
	"u1":  toU8,
	"i1":  toI64(1, func(_ binary.ByteOrder, b []byte) int64 { return int64(int8(b[0])) }),
	"i2":  toI64(2, func(o binary.ByteOrder, b []byte) int64 { return int64(int16(o.Uint16(b))) }),
	"i4":  toI64(4, func(o binary.ByteOrder, b []byte) int64 { return int64(int32(o.Uint32(b))) }),
	"i8":  toI64(8, func(o binary.ByteOrder, b []byte) int64 { return int64(o.Uint64(b)) }),
	"u2":  toI64(2, func(o binary.ByteOrder, b []byte) int64 { return int64(o.Uint16(b)) }),
	"u4":  toI64(4, func(o binary.ByteOrder, b []byte) int64 { return int64(o.Uint32(b)) }),
	"u8":  uint64s,
}

// toF32 returns a decoder into F32. value reads one element of the given size.
func toF32(size int, value func(binary.ByteOrder, []byte) float32) valueDecoder {
	return func(a *Array, raw []byte, order binary.ByteOrder, left int) error {
		a.F32 = each(a.F32, raw, size, order, left, value)
		return nil
	}
}

func toF64(size int, value func(binary.ByteOrder, []byte) float64) valueDecoder {
	return func(a *Array, raw []byte, order binary.ByteOrder, left int) error {
		a.F64 = each(a.F64, raw, size, order, left, value)
		return nil
	}
}

func toI64(size int, value func(binary.ByteOrder, []byte) int64) valueDecoder {
	return func(a *Array, raw []byte, order binary.ByteOrder, left int) error {
		a.I64 = each(a.I64, raw, size, order, left, value)
		return nil
	}
}

func toU8(a *Array, raw []byte, _ binary.ByteOrder, left int) error {
	a.U8 = append(room(a.U8, len(raw), left), raw...)
	return nil
}

func toBool(a *Array, raw []byte, order binary.ByteOrder, left int) error {
	a.isBool = true
	return toU8(a, raw, order, left)
}

func uint64s(a *Array, raw []byte, order binary.ByteOrder, left int) error {
	a.I64 = each(a.I64, raw, 8, order, left, func(o binary.ByteOrder, b []byte) int64 { return int64(o.Uint64(b)) })
	if slices.ContainsFunc(a.I64, func(v int64) bool { return v < 0 }) {
		return errors.New("holds unsigned integers over 2^63; save it with .astype('float64')")
	}
	return nil
}

// longDoubles reads the x87 long double: a 64-bit significand with an explicit leading bit, then
// sign and exponent, then padding to the size. On other machines float128 is another format, which
// fails the check of the leading bit.
func longDoubles(size int) valueDecoder {
	return func(a *Array, raw []byte, order binary.ByteOrder, left int) error {
		valid := true
		a.F64 = each(a.F64, raw, size, order, left, func(o binary.ByteOrder, b []byte) float64 {
			if o == binary.BigEndian {
				b = slices.Clone(b)
				slices.Reverse(b)
			}
			significand, top := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint16(b[8:])
			exponent := int(top & 0x7fff)
			valid = valid && (exponent == 0 || significand>>63 == 1)
			return longDouble(significand, exponent, top>>15 == 1)
		})
		if !valid {
			return errors.New("holds long doubles in the format of another machine; save it with .astype('float64')")
		}
		return nil
	}
}

// longDouble converts an x87 long double, given by its parts, to float64.
func longDouble(significand uint64, exponent int, negative bool) float64 {
	v := math.Ldexp(float64(significand), exponent-16383-63)
	if exponent == 0x7fff {
		v = math.Inf(1)
		if significand<<1 != 0 {
			v = math.NaN()
		}
	}
	if negative {
		return -v
	}
	return v
}

// float16 converts an IEEE 754 binary16 number to float32.
func float16(bits uint16) float32 {
	sign := uint32(bits>>15) << 31
	exponent, fraction := uint32(bits>>10)&0x1f, uint32(bits)&0x3ff
	switch exponent {
	case 0: // zero and subnormal: fraction · 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)/(1<<24)))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// each appends value of every element of raw to out.
func each[T any](
	out []T, raw []byte, size int, order binary.ByteOrder, left int, value func(binary.ByteOrder, []byte) T,
) []T {
	out = room(out, len(raw)/size, left)
	for ; len(raw) >= size; raw = raw[size:] {
		out = append(out, value(order, raw[:size]))
	}
	return out
}

// room makes room for n values more, of left that are announced. It grows by what is there already,
// so that a false announcement costs no memory. The result is not nil.
func room[T any](out []T, n, left int) []T {
	if out == nil {
		return make([]T, 0, n)
	}
	if cap(out)-len(out) < n {
		out = slices.Grow(out, min(left, max(n, len(out))))
	}
	return out
}
