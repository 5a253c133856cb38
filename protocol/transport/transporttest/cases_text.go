package transporttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func textCases() (cases []Case) {
	good := map[string]string{
		"zero": "\x00", "ASCII": "plain", "last of one byte": "\x7f",
		"two bytes": "é", "first of two": "\u0080", "last of two": "\u07ff",
		"three bytes": "€", "first of three": "\u0800", "noncharacter": "\uffff",
		"below surrogates": "\ud7ff", "above surrogates": "\ue000", "replacement character": "\ufffd",
		"four bytes": "😀", "first of four": "\U00010000", "last of four": "\U0010ffff",
		"mixed": "κόσμε — 水 😀",
	}
	for _, name := range slices.Sorted(maps.Keys(good)) {
		s := good[name]
		cases = append(cases, fine("text/"+name, texts(s), wholeText(s)))
		frames := make([]Frame, 0, 8)
		for i := range min(len(s), 8) {
			frames = append(frames, middle(s[i:i+1]))
		}
		frames[0].First, frames[len(frames)-1].First = textOp, fin
		frames[len(frames)-1].Payload = s[len(frames)-1:]
		if len(frames) == 1 {
			frames[0].First = fin | textOp
		}
		cases = append(cases, fine("text/split "+name, texts(s), frames...))
	}
	long := strings.Repeat("水", 30_000)
	return append(cases,
		fine("text/long", texts(long), wholeText(long)),
		fine("text/long, split inside a character", texts(long),
			firstText(long[:40_000]), last(long[40_000:])),
		fine("text/broken bytes in binary", binaries("\xff\xfe\xc3"), wholeBinary("\xff\xfe\xc3")),
		fine("text/each message starts anew", []Message{binaryMessage("\xc3"), text("a")},
			wholeBinary("\xc3"), wholeText("a")),
	)
}

func brokenTextCases() (cases []Case) {
	bad := map[string]string{
		"lone continuation": "\x80", "two continuations": "\xbf\xbf",
		"overlong of two": "\xc0\x80", "overlong slash": "\xc0\xaf",
		"overlong of three": "\xe0\x80\x80", "overlong of four": "\xf0\x80\x80\x80",
		"first surrogate": "\xed\xa0\x80", "last surrogate": "\xed\xbf\xbf",
		"above the last": "\xf4\x90\x80\x80", "five bytes": "\xf8\x88\x80\x80\x80",
		"FE": "\xfe", "FF": "\xff",
		"cut after one of two": "\xc3", "cut after two of three": "\xe2\x82",
		"cut after three of four": "\xf0\x9f\x98",
		"two lead bytes":          "\xc3\xc3\xa9", "ASCII inside a character": "\xe2\x82A",
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		s := bad[name]
		cases = append(cases,
			broken("bad text/"+name, 1007, wholeText(s)),
			broken("bad text/in the second fragment, "+name, 1007, firstText("good"), last(s)),
			broken("bad text/behind good text, "+name, 1007, wholeText(strings.Repeat("é", 5000)+s)),
		)
	}
	return append(cases,
		broken("bad text/split over fragments", 1007, firstText("\xed"), middle("\xa0"), last("\x80")),
		broken("bad text/seen before the message ends", 1007, firstText("\xff")),
		broken("bad text/seen before the frame ends", 1007,
			Frame{First: fin | textOp, Payload: "\xff", Announce: 50_000}),
		broken("bad text/cut by the message's end", 1007, firstText("\xe2"), middle("\x82"), last("")),
		Case{
			Name:   "bad text/a ping before it is answered",
			Frames: []Frame{firstText("\xc3"), ping("p"), last("\xc3")},
			Pongs:  []string{"p"}, Code: 1007, Found: true,
		},
	)
}

func closeCases() (cases []Case) {
	payload := func(code int, reason string) string {
		return string([]byte{byte(code >> 8), byte(code)}) + reason
	}
	closed := func(name string, code int, frames ...Frame) Case {
		return Case{Name: "close/" + name, Frames: frames, Code: code}
	}
	for _, code := range []int{
		1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
		3000, 3999, 4000, 4999,
	} {
		cases = append(cases,
			closed(fmt.Sprintf("code %d", code), code, frame(fin|closeOp, payload(code, "reason"))))
	}
	for _, code := range []int{
		0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
		65535,
	} {
		cases = append(cases, broken(fmt.Sprintf("close/bad code %d", code), 1002,
			frame(fin|closeOp, payload(code, "reason"))))
	}
	return append(cases,
		closed("empty", 1005, frame(fin|closeOp, "")),
		closed("longest reason", 1000, frame(fin|closeOp, payload(1000, strings.Repeat("r", 123)))),
		closed("reason with characters", 1000, frame(fin|closeOp, payload(1000, "später 水"))),
		broken("close/one byte", 1002, frame(fin|closeOp, "\x03")),
		broken("close/reason is not UTF-8", 1007, frame(fin|closeOp, payload(1000, "\xff"))),
		broken("close/reason ends inside a character", 1007,
			frame(fin|closeOp, payload(1000, "\xe2\x82"))),
		closed("text behind it is ignored", 1000, closing(), wholeText("late")),
		closed("a ping behind it is not answered", 1000, closing(), ping("late")),
		closed("a second close is ignored", 1000, closing(), frame(fin|closeOp, payload(1001, ""))),
		closed("rubbish behind it is ignored", 1000, closing(), frame(0xff, "rubbish")),
	)
}
