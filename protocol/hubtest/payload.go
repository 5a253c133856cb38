package hubtest

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// lenient are the options for a device's JSON, which may hold duplicate names and invalid UTF-8.
var lenient = []json.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// decode reads a payload into a struct of jsontext.Value. False: it is not an object.
func decode(payload jsontext.Value, into any) bool {
	return payload.Kind() == '{' && json.Unmarshal(payload, into, lenient...) == nil
}

// encode writes a value of this package. It replaces invalid UTF-8 in texts.
func encode(v any) jsontext.Value {
	out, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return emptyObject // unreachable: the types here can be encoded
	}
	return out
}

// object writes an object of alternating names and values, in this order.
func object(pairs ...any) jsontext.Value {
	out := jsontext.Value("{")
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, encode(pairs[i])...)
		out = append(out, ':')
		out = append(out, encode(pairs[i+1])...)
	}
	return append(out, '}')
}

// text reads a JSON string.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil || len(b) > 0
}

// integer reads a JSON number without a fraction, as NervesHub's database does.
func integer(v jsontext.Value) (int, bool) {
	if v.Kind() != '0' {
		return 0, false
	}
	n, err := strconv.Atoi(string(v))
	return n, err == nil
}

const noDelay time.Duration = -1

// milliseconds reads delay_for. Absent or null is noDelay.
func milliseconds(v jsontext.Value) (time.Duration, bool) {
	if k := v.Kind(); k == 0 || k == 'n' {
		return noDelay, true
	}
	n, ok := integer(v)
	if !ok || n < 0 || int64(n) > 1<<40 {
		return noDelay, ok
	}
	return time.Duration(n) * time.Millisecond, true
}
