package transporttest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"strings"

	"github.com/hublink-go/hublink/protocol/transport"
)

// The examples of RFC 7692 section 7.2.3, all of them "Hello".
const (
	hello       = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	helloAgain  = "\xf2\x00\x11\x00\x00" // refers to the message before it
	helloStored = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
	helloLast   = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00" // with the mark of the last block
	helloTwo    = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
)

// deflateCases are those of RFC 7692.
func deflateCases() (cases []Case) {
	for _, c := range [][]Case{deflateGood(), deflateBits(), deflateDamaged(), deflateLimits(), deflateText()} {
		cases = append(cases, c...)
	}
	for i := range cases {
		cases[i].Name = "deflate/" + cases[i].Name
		if cases[i].Deflate == nil {
			cases[i].Deflate = &transport.Deflate{}
		}
	}
	return cases
}

func deflateGood() []Case {
	h := text("Hello")
	alone := fine("alone, the second message refers to nothing", []Message{h, h}, frame(fin|rsv1|textOp, hello), frame(fin|rsv1|textOp, hello))
	alone.Deflate = &transport.Deflate{ServerAlone: true, ClientAlone: true}
	pinged := fine("fragments, a ping between", []Message{h}, frame(rsv1|textOp, hello[:3]), frame(fin|pingOp, "p"), frame(fin, hello[3:]))
	pinged.Pongs = []string{"p"}
	byByte := []Frame{frame(rsv1|textOp, hello[:1])}
	for i := 1; i < len(hello); i++ {
		byByte = append(byByte, frame(more, hello[i:i+1]))
	}
	byByte = append(byByte, frame(fin, ""))
	return []Case{
		alone, pinged,
		fine("one block", []Message{h}, frame(fin|rsv1|textOp, hello)),
		fine("binary", []Message{binaryMessage("Hello")}, frame(fin|rsv1|binaryOp, hello)),
		fine("stored block", []Message{h}, frame(fin|rsv1|textOp, helloStored)),
		fine("last block", []Message{h}, frame(fin|rsv1|textOp, helloLast)),
		fine("last block, the end left out", []Message{h}, frame(fin|rsv1|textOp, helloLast[:7])),
		fine("two blocks", []Message{h}, frame(fin|rsv1|textOp, helloTwo)),
		fine("fragments, two", []Message{h}, frame(rsv1|textOp, hello[:3]), frame(fin, hello[3:])),
		fine("fragments, one a byte", []Message{h}, byByte...),
		fine("fragments, first empty", []Message{h}, frame(rsv1|textOp, ""), frame(fin, hello)),
		fine("together, the second message refers to the first", []Message{h, h}, frame(fin|rsv1|textOp, hello), frame(fin|rsv1|textOp, helloAgain)),
		fine("together, text and binary", []Message{h, binaryMessage("Hello")}, frame(fin|rsv1|textOp, hello), frame(fin|rsv1|binaryOp, helloAgain)),
		fine("together, after a last block", []Message{h, h}, frame(fin|rsv1|textOp, helloLast), frame(fin|rsv1|textOp, helloAgain)),
		fine("together, past an uncompressed message", []Message{h, text("other"), h},
			frame(fin|rsv1|textOp, hello), frame(fin|textOp, "other"), frame(fin|rsv1|textOp, helloAgain)),
		fine("together, past an empty message", []Message{h, text(""), h},
			frame(fin|rsv1|textOp, hello), frame(fin|rsv1|textOp, "\x00"), frame(fin|rsv1|textOp, helloAgain)),
		fine("empty", []Message{text("")}, frame(fin|rsv1|textOp, "\x00")),
		fine("empty, a fixed block", []Message{text("")}, frame(fin|rsv1|textOp, "\x02\x00")),
		fine("empty, in fragments", []Message{text("")}, frame(rsv1|textOp, ""), frame(more, "\x00"), frame(fin, "")),
		fine("uncompressed", []Message{h}, frame(fin|textOp, "Hello")),
		fine("uncompressed, in fragments", []Message{h}, frame(textOp, "Hel"), frame(fin, "lo")),
		fine("uncompressed, what looks compressed", []Message{binaryMessage(hello)}, frame(fin|binaryOp, hello)),
		fine("as many last blocks as allowed", []Message{text("")}, frame(fin|rsv1|textOp, strings.Repeat("\x03\x00", 16))),
	}
}

func deflateBits() (cases []Case) {
	for rsv := byte(1); rsv < 8; rsv++ {
		if rsv != 4 {
			cases = append(cases, broken(fmt.Sprintf("reserved bits/%03b", rsv), 1002, frame(fin|rsv<<4|textOp, hello)))
		}
	}
	return append(cases,
		broken("reserved bits/on a continuation", 1002, frame(rsv1|textOp, hello[:3]), frame(fin|rsv1, hello[3:])),
		broken("reserved bits/on a continuation of an uncompressed message", 1002, frame(textOp, "Hel"), frame(fin|rsv1, "lo")),
		broken("reserved bits/on a ping", 1002, frame(fin|rsv1|pingOp, "")),
		broken("reserved bits/on a pong", 1002, frame(fin|rsv1|pongOp, "")),
		broken("reserved bits/on a close", 1002, frame(fin|rsv1|closeOp, "\x03\xe8")),
		broken("reserved bits/on a ping between fragments", 1002, frame(rsv1|textOp, hello[:3]), frame(fin|rsv1|pingOp, "")),
		broken("reserved bits/a message inside a message", 1002, frame(rsv1|textOp, hello[:3]), frame(fin|rsv1|textOp, hello)),
	)
}

func deflateDamaged() []Case {
	alone := broken("damaged/alone, but it refers to the message before it", 1007, frame(fin|rsv1|textOp, helloAgain))
	alone.Deflate = &transport.Deflate{ServerAlone: true, ClientAlone: true}
	alone.Frames = append([]Frame{frame(fin|rsv1|textOp, hello)}, alone.Frames...)
	alone.Messages = []Message{text("Hello")}
	plain := alone
	plain.Name, plain.Deflate = "damaged/it refers to a message that was not compressed", nil
	plain.Frames = append([]Frame{frame(fin|textOp, "Hello")}, plain.Frames[1:]...)
	return []Case{
		alone, plain,
		broken("damaged/no bytes", 1007, frame(fin|rsv1|textOp, "")), // an empty message is one byte (RFC 7692 section 7.2.3.6)
		broken("damaged/block type 3", 1007, frame(fin|rsv1|textOp, "\x07")),
		broken("damaged/noise", 1007, frame(fin|rsv1|binaryOp, "\xff\xff\xff\xff")),
		broken("damaged/plain text", 1007, frame(fin|rsv1|textOp, "Hello")),
		broken("damaged/stored length and its complement", 1007, frame(fin|rsv1|binaryOp, "\x00\x05\x00\xfa\xfeHello")),
		broken("damaged/stored block cut", 1007, frame(fin|rsv1|binaryOp, helloStored[:7])),
		broken("damaged/it refers to nothing", 1007, frame(fin|rsv1|textOp, helloAgain)),
		broken("damaged/in the second fragment", 1007, frame(rsv1|textOp, hello), frame(fin, "\x07")),
		broken("damaged/too many last blocks", 1007, frame(fin|rsv1|textOp, strings.Repeat("\x03\x00", 17))),
		{Name: "end/in a compressed message", Frames: []Frame{frame(rsv1|textOp, hello[:3])}, Code: 1006, Found: true},
	}
}

func deflateLimits() (cases []Case) {
	limit := caseLimits.Message
	exactly, over, bomb := strings.Repeat("x", limit), strings.Repeat("x", limit+1), deflated(strings.Repeat("\x00", 5_000_000))
	return append(cases,
		fine("limit/exactly", []Message{text(exactly)}, frame(fin|rsv1|textOp, deflated(exactly))),
		fine("limit/exactly, twice", []Message{text(exactly), text(exactly)}, frame(fin|rsv1|textOp, deflated(exactly)), frame(fin|rsv1|textOp, deflated(exactly))),
		broken("limit/one over", 1009, frame(fin|rsv1|textOp, deflated(over))),
		broken("limit/one over, in fragments", 1009, frame(rsv1|textOp, deflated(over)[:10]), frame(fin, deflated(over)[10:])),
		broken("limit/bomb", 1009, frame(fin|rsv1|binaryOp, bomb)),
		broken("limit/bomb with a damaged end", 1009, frame(fin|rsv1|binaryOp, bomb+"\x07")),
		broken("limit/compressed form too long", 1009, frame(fin|rsv1|binaryOp, strings.Repeat("\x00\x00\x00\xff\xff", limit/5)+"\x00")),
		broken("limit/fragments", 1009, frame(rsv1|textOp, ""), frame(more, ""), frame(more, ""), frame(more, ""), frame(more, ""),
			frame(more, ""), frame(more, ""), frame(more, ""), frame(fin, hello)),
	)
}

func deflateText() []Case {
	long := strings.Repeat("Gerät äöü €", 3000)
	return []Case{
		fine("text/long", []Message{text(long)}, frame(fin|rsv1|textOp, deflated(long))),
		fine("text/cut within a character", []Message{text(long)}, frame(rsv1|textOp, deflated(long)[:21]), frame(fin, deflated(long)[21:])),
		fine("text/binary need not be UTF-8", []Message{binaryMessage("\xff\xfe")}, frame(fin|rsv1|binaryOp, deflated("\xff\xfe"))),
		broken("text/not UTF-8", 1007, frame(fin|rsv1|textOp, deflated("caf\xe9"))),
		broken("text/not UTF-8 at its end", 1007, frame(fin|rsv1|textOp, deflated(long+"\xe2\x82"))),
		broken("text/surrogate", 1007, frame(fin|rsv1|textOp, deflated("\xed\xa0\x80"))),
	}
}

// deflated is the compressed form of a message that refers to no other.
func deflated(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // the level is the kit's own
	}
	_, _ = w.Write([]byte(s)) // into memory, as is the flush
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}
