package hubtest

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"github.com/hublink-go/hublink/protocol"
)

// advertisement is the payload of extensions:get.
func (s *session) advertisement() jsontext.Value {
	if !s.rules.advertise {
		return emptyObject
	}
	list := make(map[string][]string, len(s.rules.extensions))
	for _, o := range s.rules.extensions {
		if s.dev.settings.enabled(o.name) {
			list[o.name] = o.versions
		}
	}
	return object("extensions", list)
}

// negotiate answers a join of the extensions channel with the names to attach, in order. Versions
// that are no strings crash the join.
func (s *session) negotiate(ch *channel, params jsontext.Value) (jsontext.Value, bool) {
	var wanted map[string]jsontext.Value
	if len(params) > maxStructure || !decode(params, &wanted) {
		return joinCrashed, false
	}
	names := []string{}
	for name, v := range wanted {
		version, ok := text(v)
		if !ok {
			return joinCrashed, false
		}
		if s.rules.serves(name, version) && s.dev.settings.enabled(name) {
			names = append(names, name)
			ch.ext = append(ch.ext, extension{name: name, version: version})
		}
	}
	slices.Sort(names)
	return encode(names), true
}

// handleExtensions handles "<name>:<event>", split at the first colon. It answers a message of an
// extension that was not agreed on with "detach".
func (s *session) handleExtensions(now time.Time, ch *channel, m protocol.Message) {
	name, event, ok := strings.Cut(m.Event, ":")
	i := slices.IndexFunc(ch.ext, func(e extension) bool { return e.name == name })
	if !ok || i < 0 {
		s.reply(m, false, jsontext.Value(`"detach"`))
		return
	}
	e := &ch.ext[i]
	switch {
	case event == "attached":
		e.attached = true
		e.tokens = newBucket(e.name)
		s.first(e)
	case event == "detached", event == "error":
		e.attached = false
	case e.attached:
		s.dev.extensionReported(now, e, event, m.Payload)
	}
}

// first pushes the hub's request to an extension that has attached.
func (s *session) first(e *extension) {
	event := s.rules.request(e.name)
	if event == "" || e.name == "metrics" { // NervesHub asks for metrics some minutes later
		return
	}
	s.push(topicExtensions, e.name+":"+event, emptyObject)
}

// requests are the events that NervesHub asks extensions with.
var requests = map[string]string{
	"alarms":           "sync",
	"components":       "request",
	"geo":              "location:request",
	"health":           "check",
	"local_shell":      "request_shell",
	"metrics":          "check",
	"network_identity": "request",
}

// attached returns the names of the attached extensions.
func (s *session) attached() []string {
	var names []string
	if ch := s.channel(topicExtensions); ch != nil {
		for i := range ch.ext {
			if ch.ext[i].attached {
				names = append(names, ch.ext[i].name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// newBucket is the limit of an extension's messages; nil: there is none. NervesHub drops what is
// more without an answer.
func newBucket(name string) *rate.Limiter {
	switch name {
	case "logging":
		return rate.NewLimiter(5, 10)
	case "metrics", "error_reports":
		return rate.NewLimiter(1, 5)
	case "alarms":
		return rate.NewLimiter(1, 10)
	}
	return nil
}
