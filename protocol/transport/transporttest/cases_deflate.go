package transporttest

import (
	"bytes"
	"compress/flate"
	"fmt"
	"slices"
	"strings"

	"github.com/hublink-go/hublink/protocol/transport"
)

// The examples of RFC 7692 section 7.2.3, all of them "Hello".
const (
	hello       = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	helloAgain  = "\xf2\x00\x11\x00\x00" // refers to the previous message
	helloStored = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"
	helloLast   = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00" // with the bit of the last block
	helloTwo    = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
)

// deflateCases returns the cases of RFC 7692.
func deflateCases() (cases []Case) {
	cases = slices.Concat(deflateGood(), deflateTogether(), deflateBits(), deflateDamaged(),
		deflateLimits(), deflateText())
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
	alone := fine("alone, the second message refers to nothing", []Message{h, h},
		packed(hello), packed(hello))
	alone.Deflate = &transport.Deflate{ServerAlone: true, ClientAlone: true}
	pinged := fine("fragments, a ping between", []Message{h},
		packedFirst(hello[:3]), ping("p"), last(hello[3:]))
	pinged.Pongs = []string{"p"}
	byByte := []Frame{packedFirst(hello[:1])}
	for i := 1; i < len(hello); i++ {
		byByte = append(byByte, middle(hello[i:i+1]))
	}
	byByte = append(byByte, last(""))
	return []Case{
		alone, pinged,
		fine("one block", []Message{h}, packed(hello)),
		fine("binary", binaries("Hello"), packedBinary(hello)),
		fine("stored block", []Message{h}, packed(helloStored)),
		fine("last block", []Message{h}, packed(helloLast)),
		fine("last block, the end left out", []Message{h}, packed(helloLast[:7])),
		fine("two blocks", []Message{h}, packed(helloTwo)),
		fine("fragments, two", []Message{h}, packedFirst(hello[:3]), last(hello[3:])),
		fine("fragments, one a byte", []Message{h}, byByte...),
		fine("fragments, first empty", []Message{h}, packedFirst(""), last(hello)),
		fine("empty", texts(""), packed("\x00")),
		fine("empty, a fixed block", texts(""), packed("\x02\x00")),
		fine("empty, in fragments", texts(""), packedFirst(""), middle("\x00"), last("")),
		fine("uncompressed", []Message{h}, wholeText("Hello")),
		fine("uncompressed, in fragments", []Message{h}, firstText("Hel"), last("lo")),
		fine("uncompressed, what looks compressed", binaries(hello), wholeBinary(hello)),
		fine("as many last blocks as allowed", texts(""), packed(strings.Repeat("\x03\x00", 16))),
	}
}

// deflateTogether returns the cases in which a message refers to an earlier one.
func deflateTogether() []Case {
	h := text("Hello")
	return []Case{
		fine("together, the second message refers to the first", []Message{h, h},
			packed(hello), packed(helloAgain)),
		fine("together, text and binary", []Message{h, binaryMessage("Hello")},
			packed(hello), packedBinary(helloAgain)),
		fine("together, after a last block", []Message{h, h}, packed(helloLast), packed(helloAgain)),
		fine("together, past an uncompressed message", []Message{h, text("other"), h},
			packed(hello), wholeText("other"), packed(helloAgain)),
		fine("together, past an empty message", []Message{h, text(""), h},
			packed(hello), packed("\x00"), packed(helloAgain)),
	}
}

func deflateBits() (cases []Case) {
	for rsv := byte(1); rsv < 8; rsv++ {
		if rsv != 4 {
			cases = append(cases, broken(fmt.Sprintf("reserved bits/%03b", rsv), 1002,
				frame(fin|rsv<<4|textOp, hello)))
		}
	}
	return append(cases,
		broken("reserved bits/on a continuation", 1002,
			packedFirst(hello[:3]), frame(fin|rsv1, hello[3:])),
		broken("reserved bits/on a continuation of an uncompressed message", 1002,
			firstText("Hel"), frame(fin|rsv1, "lo")),
		broken("reserved bits/on a ping", 1002, frame(fin|rsv1|pingOp, "")),
		broken("reserved bits/on a pong", 1002, frame(fin|rsv1|pongOp, "")),
		broken("reserved bits/on a close", 1002, frame(fin|rsv1|closeOp, "\x03\xe8")),
		broken("reserved bits/on a ping between fragments", 1002,
			packedFirst(hello[:3]), frame(fin|rsv1|pingOp, "")),
		broken("reserved bits/a message inside a message", 1002, packedFirst(hello[:3]), packed(hello)),
	)
}

func deflateDamaged() []Case {
	alone := broken("damaged/alone, but it refers to the message before it", 1007, packed(helloAgain))
	alone.Deflate = &transport.Deflate{ServerAlone: true, ClientAlone: true}
	alone.Frames = append([]Frame{packed(hello)}, alone.Frames...)
	alone.Messages = texts("Hello")
	plain := alone
	plain.Name, plain.Deflate = "damaged/it refers to a message that was not compressed", nil
	plain.Frames = append([]Frame{wholeText("Hello")}, plain.Frames[1:]...)
	return []Case{
		alone, plain,
		broken("damaged/no bytes", 1007, packed("")), // an empty one has a byte, RFC 7692 7.2.3.6
		broken("damaged/block type 3", 1007, packed("\x07")),
		broken("damaged/noise", 1007, packedBinary("\xff\xff\xff\xff")),
		broken("damaged/plain text", 1007, packed("Hello")),
		broken("damaged/stored length and its complement", 1007,
			packedBinary("\x00\x05\x00\xfa\xfeHello")),
		broken("damaged/stored block cut", 1007, packedBinary(helloStored[:7])),
		broken("damaged/it refers to nothing", 1007, packed(helloAgain)),
		broken("damaged/in the second fragment", 1007, packedFirst(hello), last("\x07")),
		broken("damaged/too many last blocks", 1007, packed(strings.Repeat("\x03\x00", 17))),
		{
			Name:   "end/in a compressed message",
			Frames: []Frame{packedFirst(hello[:3])}, Code: 1006, Found: true,
		},
	}
}

func deflateLimits() (cases []Case) {
	limit := caseLimits.Message
	exactly, over := strings.Repeat("x", limit), strings.Repeat("x", limit+1)
	bomb := deflated(strings.Repeat("\x00", 5_000_000))
	return append(cases,
		fine("limit/exactly", texts(exactly), packed(deflated(exactly))),
		fine("limit/exactly, twice", texts(exactly, exactly),
			packed(deflated(exactly)), packed(deflated(exactly))),
		broken("limit/one over", 1009, packed(deflated(over))),
		broken("limit/one over, in fragments", 1009,
			packedFirst(deflated(over)[:10]), last(deflated(over)[10:])),
		broken("limit/bomb", 1009, packedBinary(bomb)),
		broken("limit/bomb with a damaged end", 1009, packedBinary(bomb+"\x07")),
		broken("limit/compressed form too long", 1009,
			packedBinary(strings.Repeat("\x00\x00\x00\xff\xff", limit/5)+"\x00")),
		broken("limit/fragments", 1009, packedFirst(""), middle(""), middle(""), middle(""), middle(""),
			middle(""), middle(""), middle(""), last(hello)),
	)
}

func deflateText() []Case {
	long := strings.Repeat("Gerät äöü €", 3000)
	return []Case{
		fine("text/long", texts(long), packed(deflated(long))),
		fine("text/cut within a character", texts(long),
			packedFirst(deflated(long)[:21]), last(deflated(long)[21:])),
		fine("text/binary need not be UTF-8", binaries("\xff\xfe"), packedBinary(deflated("\xff\xfe"))),
		broken("text/not UTF-8", 1007, packed(deflated("caf\xe9"))),
		broken("text/not UTF-8 at its end", 1007, packed(deflated(long+"\xe2\x82"))),
		broken("text/surrogate", 1007, packed(deflated("\xed\xa0\x80"))),
	}
}

// deflated returns the compressed form of a message that refers to no other.
func deflated(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		panic(err) // its only error is an unknown level
	}
	_, _ = w.Write([]byte(s)) // into memory, as is the flush
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}
