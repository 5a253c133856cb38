package transporttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hublink-go/hublink/protocol"
	"github.com/hublink-go/hublink/protocol/transport"
)

// First bytes of frames: FIN and opcode.
const (
	fin      = 0x80
	rsv1     = 0x40
	more     = 0x00 // continuation
	textOp   = 0x01
	binaryOp = 0x02
	closeOp  = 0x08
	pingOp   = 0x09
	pongOp   = 0x0a
)

// Cases returns the table of cases. Every case is for both roles.
func Cases() []Case {
	return slices.Concat(lengthCases(), lengthFormCases(), headerCases(), controlCases(),
		fragmentCases(), textCases(), brokenTextCases(), closeCases(), endCases(), deflateCases())
}

// Frames of a case. A message is one whole frame, or a first frame, middle frames and a last frame.
func frame(first byte, payload string) Frame { return Frame{First: first, Payload: payload} }

func wholeText(s string) Frame    { return frame(fin|textOp, s) }
func wholeBinary(s string) Frame  { return frame(fin|binaryOp, s) }
func firstText(s string) Frame    { return frame(textOp, s) }
func firstBinary(s string) Frame  { return frame(binaryOp, s) }
func middle(s string) Frame       { return frame(more, s) }
func last(s string) Frame         { return frame(fin, s) }
func packed(s string) Frame       { return frame(fin|rsv1|textOp, s) } // RFC 7692 section 6
func packedBinary(s string) Frame { return frame(fin|rsv1|binaryOp, s) }
func packedFirst(s string) Frame  { return frame(rsv1|textOp, s) }
func ping(s string) Frame         { return frame(fin|pingOp, s) }
func pong(s string) Frame         { return frame(fin|pongOp, s) }

func text(s string) Message          { return Message{transport.Text, s} }
func binaryMessage(s string) Message { return Message{transport.Binary, s} }

func texts(all ...string) (messages []Message) {
	for _, s := range all {
		messages = append(messages, text(s))
	}
	return messages
}

func binaries(all ...string) (messages []Message) {
	for _, s := range all {
		messages = append(messages, binaryMessage(s))
	}
	return messages
}

// closing is the peer's close with 1000. Receiving it proves that the link works until then.
func closing() Frame { return frame(fin|closeOp, "\x03\xe8") }

// fine returns a case that ends with the peer's close.
func fine(name string, messages []Message, frames ...Frame) Case {
	return Case{
		Name: name, Frames: append(frames, closing()), Messages: messages, Code: protocol.CloseNormal,
	}
}

// broken returns a case in which the peer breaks a rule.
func broken(name string, code int, frames ...Frame) Case {
	return Case{Name: name, Frames: append(frames, closing()), Code: code, Found: true}
}

func lengthCases() (cases []Case) {
	for _, n := range []int{
		0, 1, 2, 3, 4, 5, 15, 16, 17, 124, 125, 126, 127, 128,
		4095, 4096, 4097, 65535, 65536, 65537, 99_999, 100_000,
	} {
		s := strings.Repeat("0123456789", n/10+1)[:n]
		cases = append(cases,
			fine(fmt.Sprintf("length/text %d", n), texts(s), wholeText(s)),
			fine(fmt.Sprintf("length/binary %d", n), binaries(s), wholeBinary(s)),
		)
	}
	return cases
}

func lengthFormCases() (cases []Case) {
	for _, n := range []int{0, 1, 125} {
		cases = append(cases, broken(fmt.Sprintf("length form/%d in 16 bits", n), 1002,
			Frame{First: fin | textOp, Payload: strings.Repeat("x", n), Form: 16}))
	}
	for _, n := range []int{0, 125, 126, 65535} {
		cases = append(cases, broken(fmt.Sprintf("length form/%d in 64 bits", n), 1002,
			Frame{First: fin | textOp, Payload: strings.Repeat("x", n), Form: 64}))
	}
	big := strings.Repeat("x", 100_001)
	return append(cases,
		broken("length form/highest bit", 1002, Frame{First: fin | binaryOp, Announce: 1 << 63}),
		broken("length form/all bits", 1002, Frame{First: fin | binaryOp, Announce: 1<<64 - 1}),
		broken("limit/one over, in one frame", 1009, wholeBinary(big)),
		broken("limit/announced only", 1009, Frame{First: fin | textOp, Announce: 1 << 40}),
		broken("limit/largest number", 1009, Frame{First: fin | binaryOp, Announce: 1<<63 - 1}),
		broken("limit/one over, in two frames", 1009, firstBinary(big[:60_000]), last(big[:40_001])),
		fine("limit/exactly, in two frames", binaries(big[:100_000]),
			firstBinary(big[:60_000]), last(big[:40_000])),
		fine("limit/each message counts alone", binaries(big[:60_000], big[:60_000]),
			wholeBinary(big[:60_000]), wholeBinary(big[:60_000])),
	)
}

func headerCases() (cases []Case) {
	for rsv := byte(1); rsv < 8; rsv++ {
		cases = append(cases, broken(fmt.Sprintf("reserved bits/%03b on text", rsv), 1002,
			frame(fin|rsv<<4|textOp, "x")))
	}
	cases = append(cases,
		broken("reserved bits/on binary", 1002, packedBinary("x")),
		broken("reserved bits/on a continuation", 1002, firstText("x"), frame(fin|rsv1, "y")),
		broken("reserved bits/on a ping", 1002, frame(fin|rsv1|pingOp, "")),
		broken("reserved bits/on a pong", 1002, frame(fin|0x20|pongOp, "")),
		broken("reserved bits/on a close", 1002, frame(fin|0x10|closeOp, "")),
	)
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases,
			broken(fmt.Sprintf("opcode/%d", op), 1002, frame(fin|op, "")),
			broken(fmt.Sprintf("opcode/%d with payload", op), 1002, frame(fin|op, "payload")),
		)
	}
	for _, op := range []byte{textOp, binaryOp, pingOp, pongOp, closeOp} {
		cases = append(cases, broken(fmt.Sprintf("mask/wrong on %d", op), 1002,
			Frame{First: fin | op, WrongMask: true}))
	}
	return append(cases,
		broken("mask/wrong on a continuation", 1002,
			firstText("x"), Frame{First: fin, Payload: "y", WrongMask: true}),
		Case{
			Name: "mask/wrong after a good message",
			Frames: []Frame{
				wholeText("good"), {First: fin | textOp, Payload: "bad", WrongMask: true},
			},
			Messages: texts("good"), Code: 1002, Found: true,
		},
	)
}

func controlCases() []Case {
	full := strings.Repeat("p", 125)
	pinged := func(name string, pongs []string, messages []Message, frames ...Frame) Case {
		c := fine(name, messages, frames...)
		c.Pongs = pongs
		return c
	}
	ten, answers := make([]Frame, 0, 10), make([]string, 0, 10)
	for i := range 10 {
		answers = append(answers, fmt.Sprint("ping ", i))
		ten = append(ten, ping(answers[i]))
	}
	return []Case{
		pinged("ping/empty", []string{""}, nil, ping("")),
		pinged("ping/one byte", []string{"x"}, nil, ping("x")),
		pinged("ping/binary payload", []string{"\x00\xff\xfe"}, nil, ping("\x00\xff\xfe")),
		pinged("ping/125 bytes", []string{full}, nil, ping(full)),
		pinged("ping/ten in a row", answers, nil, ten...),
		pinged("ping/before a message", []string{"1"}, texts("m"), ping("1"), wholeText("m")),
		pinged("ping/after a message", []string{"1"}, texts("m"), wholeText("m"), ping("1")),
		pinged("ping/between fragments", []string{"1"}, texts("ab"),
			firstText("a"), ping("1"), last("b")),
		pinged("ping/two between fragments", []string{"1", "2"}, binaries("abc"),
			firstBinary("a"), ping("1"), middle("b"), ping("2"), last("c")),
		pinged("ping/between the bytes of a character", []string{""}, texts("é"),
			firstText("\xc3"), ping(""), last("\xa9")),
		broken("ping/126 bytes", 1002, ping(full+"p")),
		broken("ping/long form", 1002, Frame{First: fin | pingOp, Payload: "x", Form: 64}),
		broken("ping/fragmented", 1002, frame(pingOp, "x"), last("y")),
		broken("ping/fragmented between fragments", 1002, firstText("a"), frame(pingOp, "x")),
		fine("pong/unasked", nil, pong("")),
		fine("pong/unasked with payload", texts("m"), pong(full), wholeText("m")),
		fine("pong/between fragments", texts("ab"), firstText("a"), pong("1"), last("b")),
		broken("pong/126 bytes", 1002, pong(full+"p")),
		broken("pong/fragmented", 1002, frame(pongOp, "x")),
		broken("close/126 bytes", 1002, frame(fin|closeOp, "\x03\xe8"+full[:124])),
		broken("close/fragmented", 1002, frame(closeOp, "\x03\xe8")),
	}
}

func fragmentCases() []Case {
	large := strings.Repeat("z", 90_000)
	eight, nine := make([]Frame, 0, 8), make([]Frame, 0, 9)
	for i := range 8 {
		eight = append(eight, middle(""))
		nine = append(nine, middle(fmt.Sprint(i)))
	}
	eight[0].First, nine[0].First, eight[7].First = textOp, textOp, fin
	nine = append(nine, last("8"))
	return []Case{
		fine("fragments/two", texts("ab"), firstText("a"), last("b")),
		fine("fragments/three", binaries("abc"), firstBinary("a"), middle("b"), last("c")),
		fine("fragments/first empty", texts("b"), firstText(""), last("b")),
		fine("fragments/middle empty", texts("ab"), firstText("a"), middle(""), last("b")),
		fine("fragments/last empty", texts("a"), firstText("a"), last("")),
		fine("fragments/all empty", texts(""), firstText(""), middle(""), last("")),
		fine("fragments/large", binaries(large),
			firstBinary(large[:5_000]), middle(large[5_000:75_000]), last(large[75_000:])),
		fine("fragments/two messages", []Message{text("ab"), binaryMessage("cd")},
			firstText("a"), last("b"), firstBinary("c"), last("d")),
		fine("fragments/as many as allowed", texts(""), eight...),
		broken("fragments/one too many", 1009, nine...),
		broken("fragments/text inside a message", 1002, firstText("a"), wholeText("b")),
		broken("fragments/binary inside a message", 1002, firstText("a"), firstBinary("b")),
		broken("fragments/continuation of nothing", 1002, last("a")),
		broken("fragments/unfinished continuation of nothing", 1002, middle("a")),
		{
			Name:     "fragments/continuation of a whole message",
			Frames:   []Frame{wholeText("a"), last("b")},
			Messages: texts("a"), Code: 1002, Found: true,
		},
		{
			Name:     "fragments/continuation of a finished message",
			Frames:   []Frame{firstText("a"), last("b"), last("c")},
			Messages: texts("ab"), Code: 1002, Found: true,
		},
		{
			Name:   "fragments/close inside a message",
			Frames: []Frame{firstText("a"), closing()}, Code: 1000,
		},
	}
}

func endCases() []Case {
	ended := func(name string, messages []Message, frames ...Frame) Case {
		return Case{Name: name, Frames: frames, Messages: messages, Code: 1006, Found: true}
	}
	return []Case{
		ended("end/at once", nil),
		ended("end/after a message", texts("m"), wholeText("m")),
		ended("end/after a ping's header", nil, Frame{First: fin | pingOp, Payload: "ping", Cut: 4}),
		ended("end/in a ping", nil, Frame{First: fin | pingOp, Payload: "ping", Cut: 1}),
		ended("end/in a close", nil, Frame{First: fin | closeOp, Payload: "\x03\xe8", Cut: 1}),
		ended("end/in a payload", nil, Frame{First: fin | textOp, Payload: "hello", Cut: 1}),
		ended("end/in a long payload", nil,
			Frame{First: fin | binaryOp, Payload: strings.Repeat("x", 70_000), Cut: 30_000}),
		ended("end/in a 16-bit length", nil,
			Frame{First: fin | textOp, Payload: strings.Repeat("x", 200), Cut: 201}),
		ended("end/in a 64-bit length", nil,
			Frame{First: fin | textOp, Payload: strings.Repeat("x", 70_000), Cut: 70_005}),
		ended("end/between fragments", nil, firstText("a")),
	}
}
