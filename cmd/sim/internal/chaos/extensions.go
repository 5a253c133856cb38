package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hublink-go/hublink/extensions"
	"github.com/hublink-go/hublink/extensions/health"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// Extensions that devices may have. A run of other extensions puts their factories into Config.
func builtin() []extensions.Factory {
	return []extensions.Factory{health.New(health.Options{}), pulse()}
}

// Factories returns the factories of the named extensions.
func Factories(names []string) ([]extensions.Factory, error) {
	all := builtin()
	have := namesOf(all)
	found := make([]extensions.Factory, 0, len(names))
	for _, f := range all {
		if slices.Contains(names, f.Name) {
			found = append(found, f)
		}
	}
	for _, name := range names {
		if !slices.Contains(have, name) {
			return nil, fmt.Errorf("there is no extension %q: take from %s",
				name, strings.Join(have, ", "))
		}
	}
	return found, nil
}

func namesOf(factories []extensions.Factory) []string {
	names := make([]string, len(factories))
	for i, f := range factories {
		names[i] = f.Name
	}
	return names
}

// custom lets the hub serve the extensions; an event keeps each of them busy.
func custom(factories []extensions.Factory) []hubtest.Extension {
	out := make([]hubtest.Extension, 0, len(factories))
	for _, f := range factories {
		x := hubtest.Extension{Name: f.Name, Versions: f.Versions}
		if f.Name != "health" {
			x.Ask = "poke"
		}
		out = append(out, x)
	}
	return out
}

const pulseEvery = 100 * time.Millisecond

// pulse makes an extension with a goroutine and a timer, as a custom one may have.
func pulse() extensions.Factory {
	return extensions.Factory{
		Name: "pulse", Versions: []string{"0.1.0"},
		New: func(host extensions.Host) (extensions.Extension, error) {
			host.Go("beat", func(ctx context.Context) error {
				tick := time.NewTicker(pulseEvery)
				defer tick.Stop()
				for {
					select {
					case <-tick.C:
						host.Timer("beat", 0)
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			})
			return beating{host: host}, nil
		},
	}
}

type beating struct{ host extensions.Host }

// Handle implements extensions.Extension.
func (b beating) Handle(e extensions.Event) error {
	if e.Kind != extensions.Tick {
		return nil
	}
	err := b.host.Push("beat", struct{}{})
	if errors.Is(err, extensions.ErrDetached) || errors.Is(err, extensions.ErrBusy) {
		return nil
	}
	return err
}
