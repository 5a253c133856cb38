package protocol

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"
)

// claimsTooMuch reports whether the next str, bin or ext has a 32-bit length that exceeds the rest
// of the frame. On 32-bit platforms msgp takes some of these lengths as negative and panics.
func (u *unpacker) claimsTooMuch() bool {
	const bin32, ext32, str32 = 0xc6, 0xc9, 0xdb
	if len(u.rest) < 5 || u.rest[0] != bin32 && u.rest[0] != ext32 && u.rest[0] != str32 {
		return false
	}
	return int64(binary.BigEndian.Uint32(u.rest[1:])) > int64(len(u.rest)-5)
}

// value appends the next value to out as JSON.
func (u *unpacker) value(depth int) string {
	if u.elements++; u.elements > packElements || len(u.out) > packBytes {
		return reasonTooLarge
	}
	if len(u.rest) == 0 {
		return reasonCut
	}
	switch msgp.NextType(u.rest) {
	case msgp.NilType:
		u.out, u.rest = append(u.out, "null"...), u.rest[1:]
		return ""
	case msgp.BoolType:
		on, rest, _ := msgp.ReadBoolBytes(u.rest) // one byte, which is there
		u.out, u.rest = strconv.AppendBool(u.out, on), rest
		return ""
	case msgp.IntType, msgp.UintType, msgp.Float64Type, msgp.Float32Type:
		return u.number()
	case msgp.StrType, msgp.BinType:
		return u.quoted()
	case msgp.ArrayType:
		return u.array(depth + 1)
	case msgp.MapType:
		return u.object(depth + 1)
	case msgp.InvalidType:
		return "not MessagePack"
	default:
		return u.extension()
	}
}

func (u *unpacker) quoted() string {
	text, ok := u.bytes()
	if !ok {
		return reasonCut
	}
	u.out = appendQuoted(u.out, text)
	return ""
}

// number appends an integer, or a float with a point or an exponent.
func (u *unpacker) number() string {
	var f float64
	switch msgp.NextType(u.rest) {
	case msgp.IntType:
		n, rest, err := msgp.ReadInt64Bytes(u.rest)
		if err != nil {
			return reasonCut
		}
		u.out, u.rest = strconv.AppendInt(u.out, n, 10), rest
		return ""
	case msgp.UintType:
		n, rest, err := msgp.ReadUint64Bytes(u.rest)
		if err != nil {
			return reasonCut
		}
		u.out, u.rest = strconv.AppendUint(u.out, n, 10), rest
		return ""
	default:
		n, rest, err := msgp.ReadFloat64Bytes(u.rest)
		if err != nil {
			return reasonCut
		}
		f, u.rest = n, rest
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "a float is not a number"
	}
	from := len(u.out)
	u.out = strconv.AppendFloat(u.out, f, 'g', -1, 64)
	if isInteger(u.out[from:]) {
		u.out = append(u.out, ".0"...)
	}
	return ""
}

func (u *unpacker) array(depth int) string {
	n, rest, err := msgp.ReadArrayHeaderBytes(u.rest)
	if reason := u.within(n, depth, err); reason != "" {
		return reason
	}
	u.rest, u.out = rest, append(u.out, '[')
	for i := range n {
		if i > 0 {
			u.out = append(u.out, ',')
		}
		if reason := u.value(depth); reason != "" {
			return reason
		}
	}
	u.out = append(u.out, ']')
	return ""
}

func (u *unpacker) object(depth int) string {
	n, rest, err := msgp.ReadMapHeaderBytes(u.rest)
	if reason := u.within(n, depth, err); reason != "" {
		return reason
	}
	u.rest, u.out = rest, append(u.out, '{')
	for i := range n {
		if i > 0 {
			u.out = append(u.out, ',')
		}
		if reason := u.key(); reason != "" {
			return reason
		}
		u.out = append(u.out, ':')
		if reason := u.value(depth); reason != "" {
			return reason
		}
	}
	u.out = append(u.out, '}')
	return ""
}

// within checks the number of elements in a header before they are read: each takes at least one
// byte.
func (u *unpacker) within(n uint32, depth int, err error) string {
	switch {
	case err != nil || int64(n) > int64(len(u.rest)):
		return reasonCut
	case depth > packDepth:
		return "nested too deep"
	default:
		return ""
	}
}

func (u *unpacker) key() string {
	switch msgp.NextType(u.rest) {
	case msgp.StrType, msgp.BinType:
		return u.quoted()
	case msgp.IntType, msgp.UintType:
		u.out = append(u.out, '"')
		if reason := u.number(); reason != "" {
			return reason
		}
		u.out = append(u.out, '"')
		return ""
	default:
		return "a key is neither string nor integer"
	}
}

// extension appends a timestamp as a string, and null for any other extension type.
func (u *unpacker) extension() string {
	if u.claimsTooMuch() {
		return reasonCut
	}
	rest, err := msgp.Skip(u.rest)
	if err != nil {
		return reasonCut
	}
	raw := u.rest[:len(u.rest)-len(rest)]
	head := map[byte]int{0xc7: 2, 0xc8: 3, 0xc9: 5}[raw[0]] // bytes before the type
	if head == 0 {
		head = 1
	}
	text := []byte("null")
	if int8(raw[head]) == msgp.MsgTimeExtension {
		at, ok := timestamp(raw[head+1:])
		if !ok {
			return "a timestamp is out of range"
		}
		text = at.AppendFormat([]byte{'"'}, time.RFC3339Nano)
		text = append(text, '"')
	}
	u.out, u.rest = append(u.out, text...), rest
	return ""
}

// timestamp reads a timestamp of 32, 64 or 96 bits (MessagePack specification, timestamp extension
// type).
func timestamp(data []byte) (time.Time, bool) {
	var sec int64
	var nsec uint32
	switch len(data) {
	case 4:
		sec = int64(binary.BigEndian.Uint32(data))
	case 8:
		both := binary.BigEndian.Uint64(data)
		sec, nsec = int64(both&(1<<34-1)), uint32(both>>34) //nolint:gosec // 34 bits, 30 bits
	case 12:
		sec, nsec = int64(
			binary.BigEndian.Uint64(data[4:]),
		), binary.BigEndian.Uint32(
			data,
		) //nolint:gosec // it is signed
	default:
		return time.Time{}, false
	}
	const yearZero, year9999 = -62167219200, 253402300799
	return time.Unix(sec, int64(nsec)).UTC(), sec >= yearZero && sec <= year9999 && nsec < 1e9
}

// appendQuoted appends text as a JSON string and keeps invalid UTF-8.
func appendQuoted(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// isInteger reports whether a JSON number has neither point nor exponent.
func isInteger(number []byte) bool {
	for _, c := range number {
		if c == '.' || c == 'e' || c == 'E' {
			return false
		}
	}
	return true
}
