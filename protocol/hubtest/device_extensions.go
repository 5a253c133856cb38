package hubtest

import (
	"context"
	"fmt"
	"slices"
)

// Extensions acts on the extensions of one device; see [Device.Extensions].
type Extensions struct{ dev *Device }

func (x Extensions) channel() Channel { return x.dev.Channel(topicExtensions) }

// Ask sends an attached extension what NervesHub asks it for: health a report, geo a location,
// local_shell a shell, and so on. One of Config.Custom is sent its Ask.
func (x Extensions) Ask(name string) error {
	event := x.dev.hub.rules.request(name)
	if event == "" {
		return fmt.Errorf("ask device %s: an extension %q is asked for nothing", x.dev.id, name)
	}
	err := x.dev.step(func(s *session) bool {
		return slices.Contains(s.attached(), name) &&
			s.push(topicExtensions, name+":"+event, emptyObject)
	})
	if err != nil {
		return fmt.Errorf("ask %s: %w", name, err)
	}
	return nil
}

// CheckHealth asks for a health report.
func (x Extensions) CheckHealth() error { return x.Push("health", "check", nil) }

// Push sends an event to an extension, attached or not. payload is anything that can be written as
// JSON; nil means {}.
func (x Extensions) Push(name, event string, payload any) error {
	return x.channel().Push(name+":"+event, payload)
}

// Attach asks the device to attach extensions that it has named in its join.
func (x Extensions) Attach(names ...string) error {
	return x.channel().Push("attach", map[string][]string{"extensions": names})
}

// Detach asks the device to detach extensions.
func (x Extensions) Detach(names ...string) error {
	return x.channel().Push("detach", map[string][]string{"extensions": names})
}

// Report returns what came of one kind of extension messages, "health:report" for instance.
func (x Extensions) Report(kind string) Report {
	x.dev.mu.Lock()
	defer x.dev.mu.Unlock()
	if r := x.dev.state.report(kind); r != nil {
		return *r
	}
	return Report{}
}

// Reports returns what came of all kinds of extension messages.
func (x Extensions) Reports() map[string]Report {
	x.dev.mu.Lock()
	defer x.dev.mu.Unlock()
	all := make(map[string]Report, len(x.dev.state.reports))
	for _, r := range x.dev.state.reports {
		all[r.kind] = r.Report
	}
	return all
}

// WaitReport waits until the hub has accepted an extension message of this kind, "health:report"
// for instance, now or before.
func (x Extensions) WaitReport(ctx context.Context, kind string) error {
	return x.dev.await(ctx, func() bool {
		r := x.dev.state.report(kind)
		return r != nil && r.Count > 0
	})
}

// Shell is the shell of the extension local_shell.
func (x Extensions) Shell() Shell { return Shell{dev: x.dev, name: "local_shell"} }
