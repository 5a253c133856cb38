package transporttest

import (
	"fmt"
	"slices"
	"strings"

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

// Cases returns the table. Every case is meant for both roles.
func Cases() []Case {
	return slices.Concat(lengthCases(), lengthFormCases(), headerCases(), controlCases(), fragmentCases(),
		textCases(), brokenTextCases(), closeCases(), endCases(), deflateCases())
}

func frame(first byte, payload string) Frame { return Frame{First: first, Payload: payload} }

func text(s string) Message { return Message{transport.Text, s} }

func binaryMessage(s string) Message { return Message{transport.Binary, s} }

// closing is the peer's orderly close, which shows that the link was whole until then.
func closing() Frame { return frame(fin|closeOp, "\x03\xe8") }

// fine is a case that ends with the peer's close.
func fine(name string, messages []Message, frames ...Frame) Case {
	return Case{Name: name, Frames: append(frames, closing()), Messages: messages, Code: transport.CodeNormal}
}

// broken is a case in which the peer breaks a rule.
func broken(name string, code int, frames ...Frame) Case {
	return Case{Name: name, Frames: append(frames, closing()), Code: code, Found: true}
}

func lengthCases() (cases []Case) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 15, 16, 17, 124, 125, 126, 127, 128, 4095, 4096, 4097, 65535, 65536, 65537, 99_999, 100_000} {
		s := strings.Repeat("0123456789", n/10+1)[:n]
		cases = append(cases,
			fine(fmt.Sprintf("length/text %d", n), []Message{text(s)}, frame(fin|textOp, s)),
			fine(fmt.Sprintf("length/binary %d", n), []Message{binaryMessage(s)}, frame(fin|binaryOp, s)),
		)
	}
	return cases
}

func lengthFormCases() (cases []Case) {
	for _, n := range []int{0, 1, 125} {
		cases = append(cases, broken(fmt.Sprintf("length form/%d in 16 bits", n), 1002, Frame{First: fin | textOp, Payload: strings.Repeat("x", n), Form: 16}))
	}
	for _, n := range []int{0, 125, 126, 65535} {
		cases = append(cases, broken(fmt.Sprintf("length form/%d in 64 bits", n), 1002, Frame{First: fin | textOp, Payload: strings.Repeat("x", n), Form: 64}))
	}
	big := strings.Repeat("x", 100_001)
	return append(cases,
		broken("length form/highest bit", 1002, Frame{First: fin | binaryOp, Announce: 1 << 63}),
		broken("length form/all bits", 1002, Frame{First: fin | binaryOp, Announce: 1<<64 - 1}),
		broken("limit/one over, in one frame", 1009, frame(fin|binaryOp, big)),
		broken("limit/announced only", 1009, Frame{First: fin | textOp, Announce: 1 << 40}),
		broken("limit/largest number", 1009, Frame{First: fin | binaryOp, Announce: 1<<63 - 1}),
		broken("limit/one over, in two frames", 1009, frame(binaryOp, big[:60_000]), frame(fin, big[:40_001])),
		fine("limit/exactly, in two frames", []Message{binaryMessage(big[:100_000])}, frame(binaryOp, big[:60_000]), frame(fin, big[:40_000])),
		fine("limit/each message counts alone", []Message{binaryMessage(big[:60_000]), binaryMessage(big[:60_000])},
			frame(fin|binaryOp, big[:60_000]), frame(fin|binaryOp, big[:60_000])),
	)
}

func headerCases() (cases []Case) {
	for rsv := byte(1); rsv < 8; rsv++ {
		cases = append(cases, broken(fmt.Sprintf("reserved bits/%03b on text", rsv), 1002, frame(fin|rsv<<4|textOp, "x")))
	}
	cases = append(cases,
		broken("reserved bits/on binary", 1002, frame(fin|rsv1|binaryOp, "x")),
		broken("reserved bits/on a continuation", 1002, frame(textOp, "x"), frame(fin|rsv1, "y")),
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
		cases = append(cases, broken(fmt.Sprintf("mask/wrong on %d", op), 1002, Frame{First: fin | op, WrongMask: true}))
	}
	return append(cases,
		broken("mask/wrong on a continuation", 1002, frame(textOp, "x"), Frame{First: fin, Payload: "y", WrongMask: true}),
		Case{
			Name: "mask/wrong after a good message", Frames: []Frame{frame(fin|textOp, "good"), {First: fin | textOp, Payload: "bad", WrongMask: true}},
			Messages: []Message{text("good")}, Code: 1002, Found: true,
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
		ten = append(ten, frame(fin|pingOp, answers[i]))
	}
	return []Case{
		pinged("ping/empty", []string{""}, nil, frame(fin|pingOp, "")),
		pinged("ping/one byte", []string{"x"}, nil, frame(fin|pingOp, "x")),
		pinged("ping/binary payload", []string{"\x00\xff\xfe"}, nil, frame(fin|pingOp, "\x00\xff\xfe")),
		pinged("ping/125 bytes", []string{full}, nil, frame(fin|pingOp, full)),
		pinged("ping/ten in a row", answers, nil, ten...),
		pinged("ping/before a message", []string{"1"}, []Message{text("m")}, frame(fin|pingOp, "1"), frame(fin|textOp, "m")),
		pinged("ping/after a message", []string{"1"}, []Message{text("m")}, frame(fin|textOp, "m"), frame(fin|pingOp, "1")),
		pinged("ping/between fragments", []string{"1"}, []Message{text("ab")}, frame(textOp, "a"), frame(fin|pingOp, "1"), frame(fin, "b")),
		pinged("ping/two between fragments", []string{"1", "2"}, []Message{binaryMessage("abc")},
			frame(binaryOp, "a"), frame(fin|pingOp, "1"), frame(more, "b"), frame(fin|pingOp, "2"), frame(fin, "c")),
		pinged("ping/between the bytes of a character", []string{""}, []Message{text("é")}, frame(textOp, "\xc3"), frame(fin|pingOp, ""), frame(fin, "\xa9")),
		broken("ping/126 bytes", 1002, frame(fin|pingOp, full+"p")),
		broken("ping/long form", 1002, Frame{First: fin | pingOp, Payload: "x", Form: 64}),
		broken("ping/fragmented", 1002, frame(pingOp, "x"), frame(fin, "y")),
		broken("ping/fragmented between fragments", 1002, frame(textOp, "a"), frame(pingOp, "x")),
		fine("pong/unasked", nil, frame(fin|pongOp, "")),
		fine("pong/unasked with payload", []Message{text("m")}, frame(fin|pongOp, full), frame(fin|textOp, "m")),
		fine("pong/between fragments", []Message{text("ab")}, frame(textOp, "a"), frame(fin|pongOp, "1"), frame(fin, "b")),
		broken("pong/126 bytes", 1002, frame(fin|pongOp, full+"p")),
		broken("pong/fragmented", 1002, frame(pongOp, "x")),
		broken("close/126 bytes", 1002, frame(fin|closeOp, "\x03\xe8"+full[:124])),
		broken("close/fragmented", 1002, frame(closeOp, "\x03\xe8")),
	}
}

func fragmentCases() []Case {
	eight, nine := make([]Frame, 0, 8), make([]Frame, 0, 9)
	for i := range 8 {
		eight = append(eight, frame(more, ""))
		nine = append(nine, frame(more, fmt.Sprint(i)))
	}
	eight[0].First, nine[0].First, eight[7].First = textOp, textOp, fin
	nine = append(nine, frame(fin, "8"))
	return []Case{
		fine("fragments/two", []Message{text("ab")}, frame(textOp, "a"), frame(fin, "b")),
		fine("fragments/three", []Message{binaryMessage("abc")}, frame(binaryOp, "a"), frame(more, "b"), frame(fin, "c")),
		fine("fragments/first empty", []Message{text("b")}, frame(textOp, ""), frame(fin, "b")),
		fine("fragments/middle empty", []Message{text("ab")}, frame(textOp, "a"), frame(more, ""), frame(fin, "b")),
		fine("fragments/last empty", []Message{text("a")}, frame(textOp, "a"), frame(fin, "")),
		fine("fragments/all empty", []Message{text("")}, frame(textOp, ""), frame(more, ""), frame(fin, "")),
		fine("fragments/large", []Message{binaryMessage(strings.Repeat("z", 90_000))},
			frame(binaryOp, strings.Repeat("z", 5_000)), frame(more, strings.Repeat("z", 70_000)), frame(fin, strings.Repeat("z", 15_000))),
		fine("fragments/two messages", []Message{text("ab"), binaryMessage("cd")},
			frame(textOp, "a"), frame(fin, "b"), frame(binaryOp, "c"), frame(fin, "d")),
		fine("fragments/as many as allowed", []Message{text("")}, eight...),
		broken("fragments/one too many", 1009, nine...),
		broken("fragments/text inside a message", 1002, frame(textOp, "a"), frame(fin|textOp, "b")),
		broken("fragments/binary inside a message", 1002, frame(textOp, "a"), frame(binaryOp, "b")),
		broken("fragments/continuation of nothing", 1002, frame(fin, "a")),
		broken("fragments/unfinished continuation of nothing", 1002, frame(more, "a")),
		{
			Name: "fragments/continuation of a whole message", Frames: []Frame{frame(fin|textOp, "a"), frame(fin, "b")},
			Messages: []Message{text("a")}, Code: 1002, Found: true,
		},
		{
			Name: "fragments/continuation of a finished message", Frames: []Frame{frame(textOp, "a"), frame(fin, "b"), frame(fin, "c")},
			Messages: []Message{text("ab")}, Code: 1002, Found: true,
		},
		{Name: "fragments/close inside a message", Frames: []Frame{frame(textOp, "a"), closing()}, Code: 1000},
	}
}

func endCases() []Case {
	ended := func(name string, messages []Message, frames ...Frame) Case {
		return Case{Name: name, Frames: frames, Messages: messages, Code: 1006, Found: true}
	}
	return []Case{
		ended("end/at once", nil),
		ended("end/after a message", []Message{text("m")}, frame(fin|textOp, "m")),
		ended("end/after a ping's header", nil, Frame{First: fin | pingOp, Payload: "ping", Cut: 4}),
		ended("end/in a ping", nil, Frame{First: fin | pingOp, Payload: "ping", Cut: 1}),
		ended("end/in a close", nil, Frame{First: fin | closeOp, Payload: "\x03\xe8", Cut: 1}),
		ended("end/in a payload", nil, Frame{First: fin | textOp, Payload: "hello", Cut: 1}),
		ended("end/in a long payload", nil, Frame{First: fin | binaryOp, Payload: strings.Repeat("x", 70_000), Cut: 30_000}),
		ended("end/in a 16-bit length", nil, Frame{First: fin | textOp, Payload: strings.Repeat("x", 200), Cut: 201}),
		ended("end/in a 64-bit length", nil, Frame{First: fin | textOp, Payload: strings.Repeat("x", 70_000), Cut: 70_005}),
		ended("end/between fragments", nil, frame(textOp, "a")),
	}
}
