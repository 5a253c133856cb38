package hubtest

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hublink-go/hublink/protocol"
)

// welcome pushes what follows the answer to a join of the device channel, in NervesHub's order.
func (s *session) welcome(now time.Time, ch *channel) {
	d, cfg := s.dev, s.dev.settings
	if ch.topic != topicDevice {
		return // of another id: nothing is addressed to it
	}
	for _, ask := range []struct {
		event string
		asked bool
		keys  []string
	}{
		{"fwup_public_keys", d.running.asksFirmwareKeys, cfg.firmwareKeys},
		{"archive_public_keys", d.running.asksArchiveKeys, cfg.archiveKeys},
	} {
		if ask.asked && len(ask.keys) > 0 {
			s.broadcast(topicDevice, ask.event, object("keys", ask.keys))
		}
	}
	api := d.running.api
	if cfg.archive != nil && d.takesArchive(now) {
		s.broadcast(topicDevice, "archive", cfg.archive())
	}
	if atLeast(api, 2, 2) {
		s.broadcast(topicDevice, "extensions:get", s.advertisement())
	}
	if s.rules.modes && atLeast(api, 2, 4) {
		s.broadcast(topicDevice, "update_mode", d.mode.payload(""))
	}
	s.connectingCode(cfg.connectingCode, d.code.own)
}

// takesArchive reports whether the hub offers archives to this device now. It offers none to an old
// API, nor to a device that takes no updates.
func (d *state) takesArchive(now time.Time) bool {
	return d.running.api != nil && atLeast(d.running.api, 2, 0) && d.mode.name != modeOff &&
		!now.Before(d.update.blockedUntil)
}

// connectingCode runs the operator's code for all devices and for this one. For an old API it types
// the code into the console.
func (s *session) connectingCode(all, own string) {
	code := all
	if own != "" {
		code = strings.TrimPrefix(all+"\n"+own, "\n")
	}
	switch {
	case code == "":
	case atLeast(s.dev.running.api, 2, 1):
		s.push(topicDevice, "scripts/run", object("ref", codeRef, "text", code))
	default:
		s.push(topicConsole, "dn", object("data", strings.ReplaceAll(code, "\n", "\n\r")+"\n\r"))
	}
}

// script asks the device to run a text. For an old API it types the text into the console.
func (s *session) script(ref, text string, asked *script) bool {
	if s.dev.running.api != nil && atLeast(s.dev.running.api, 2, 1) {
		return s.push(topicDevice, "scripts/run", object("ref", ref, "text", text))
	}
	asked.typed = new(screen)
	return s.push(topicConsole, "dn", object("data", text+"\n# "+scriptEnd)) &&
		s.push(topicConsole, "dn", object("data", "\r"))
}

// handleDevice handles a push to the device channel. NervesHub sends no reply to any of them.
func (s *session) handleDevice(now time.Time, ch *channel, m protocol.Message) {
	var ok bool
	switch m.Event {
	case "status_update":
		ok = s.status(now, m)
	case "fwup_progress", "update_progress":
		ok = s.progress(now, m)
	case "firmware_validated":
		ok = true
		s.dev.validate()
		s.asks |= askRollout
	case "scripts/run":
		ok = s.dev.scriptAnswered(now, m.Payload)
	case "report_network_interface", "connection_types":
		ok = true
		s.dev.networkReported(m.Payload)
	case "rebooting":
		ok = true
		s.dev.reboots++
	case "check_update", "request_update", "set_update_mode":
		ok = true
		s.modeRequest(m)
	default: // an unknown event: counted, never answered
		ok = true
	}
	if !ok {
		s.crash(ch)
	}
}

type statusParams struct {
	Status   jsontext.Value `json:"status"`
	Reason   jsontext.Value `json:"reason"`
	DelayFor jsontext.Value `json:"delay_for"`
	Progress jsontext.Value `json:"progress"`
}

// status handles status_update. False means that the channel crashes.
func (s *session) status(now time.Time, m protocol.Message) bool {
	var p statusParams
	name, ok := "", !m.Binary && decode(m.Payload, &p)
	if ok {
		name, ok = text(p.Status)
	}
	if !ok {
		return false
	}
	r := report{status: name, progress: -1}
	r.reason, _ = text(p.Reason)
	switch {
	case strings.Contains(strings.ToLower(name), "fwup error"):
		r.status, r.reason = "failed", "fwup error"
	case !s.rules.strictStatus: // releases up to 2.4.0 ignore every other status
		s.dev.note(r)
		return true
	case !statuses[name]:
		s.dev.note(r)
		return false
	}
	if r.delay, ok = milliseconds(p.DelayFor); !ok {
		return false
	}
	if p.Progress.Kind() == '0' {
		if r.progress, ok = integer(p.Progress); !ok {
			return false
		}
	}
	s.report(now, r)
	return true
}

type progressParams struct {
	Value jsontext.Value `json:"value"`
	Stage jsontext.Value `json:"stage"`
}

// progress handles fwup_progress. Its stage counts as a status. False means that the channel
// crashes.
func (s *session) progress(now time.Time, m protocol.Message) bool {
	var p progressParams
	if m.Binary || !decode(m.Payload, &p) || p.Value.Kind() == 0 {
		return true // counted as unknown
	}
	value, ok := integer(p.Value)
	if !ok {
		return !s.rules.strictStatus
	}
	r := report{progress: value, stage: "updating"}
	if value == 100 {
		r.stage = "completed"
	}
	if p.Stage.Kind() != 0 && p.Stage.Kind() != 'n' {
		stage, isText := text(p.Stage)
		if !isText || !statuses[stage] {
			return !s.rules.strictStatus
		}
		r.stage = stage
	}
	s.report(now, r)
	return true
}

// report records a status or a progress in the device's state.
func (s *session) report(now time.Time, r report) {
	s.dev.note(r)
	if s.dev.update.report(now, r) {
		s.asks |= askRollout
	}
}

// modeRequest handles the requests of devices that manage their updates.
func (s *session) modeRequest(m protocol.Message) {
	switch {
	case !s.rules.modes:
	case m.Event == "check_update":
		s.asks |= askCheck
	case m.Event == "request_update":
		s.asks |= askOffer
	default:
		var p struct {
			Mode jsontext.Value `json:"mode"`
		}
		decode(m.Payload, &p)
		wanted, _ := text(p.Mode)
		s.push(topicDevice, "update_mode", s.dev.mode.payload(s.dev.mode.set(wanted)))
	}
}

// handleConsole handles a push to the console channel.
func (s *session) handleConsole(ch *channel, m protocol.Message) {
	if m.Event != "up" {
		return
	}
	if m.Binary || !s.dev.said(topicConsole, m.Payload) {
		s.crash(ch)
		return
	}
	if len(s.dev.scripts) > 0 {
		var p struct {
			Data jsontext.Value `json:"data"`
		}
		decode(m.Payload, &p)
		said, _ := text(p.Data)
		s.dev.typedAnswer(said)
	}
}
