package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hublink-go/hublink/cmd/sim/internal/hubapi"
	"github.com/hublink-go/hublink/protocol/hubtest"
)

// What sim hub accepts and sim machine has when nothing else is said.
const (
	defaultKey    = "nhp_bench"
	defaultSecret = "bench-secret"
)

// hubOptions are the flags of sim hub.
type hubOptions struct {
	listen, control string
	profile         string
	tls             bool
	cert, certKey   string
	clientCA        string
	key, secret     string
	drain           hubapi.Options
	extensions      []string
	healthEvery     time.Duration
	geoEvery        time.Duration
	cfg             hubtest.Config
}

func (o *hubOptions) register(f *pflag.FlagSet) {
	o.registerDoor(f)
	o.registerDevices(f)
	o.registerLimits(f)
	o.registerExtensions(f)
	f.IntVar(&o.cfg.Record, "record", 1000, "messages that are kept of each device")
}

// registerDoor: where the hub listens, over what, and which of NervesHub's listeners it is like.
func (o *hubOptions) registerDoor(f *pflag.FlagSet) {
	c := &o.cfg
	f.StringVar(&o.listen, "listen", "127.0.0.1:4001", "address for devices")
	f.StringVar(&c.Reach.Downloads, "downloads", "",
		"address for downloads (default: any port where --listen is)")
	f.StringVar(&c.Reach.Advertise, "advertise", "",
		"host that devices reach the hub by, for its URL, offers and certificate (default: --listen's)")
	f.StringVar(&o.control, "control", "127.0.0.1:4002", "address for the operator")
	f.BoolVar(&o.tls, "tls", false,
		"TLS; devices find the authority at /ca.pem of the operator's address")
	f.StringVar(&o.cert, "tls-cert", "",
		"PEM file with a certificate of one's own for --tls; with --tls-key")
	f.StringVar(&o.certKey, "tls-key", "", "PEM file with its key")
	f.StringVar(&o.clientCA, "client-ca", "",
		"PEM file with authorities whose certificates let devices in, by their common name; with --tls")
	f.BoolVar(&c.Certificates.TLS13, "tls13", false,
		"TLS 1.3 too; else 1.2 only, as NervesHub has it")
	f.StringVar(&o.profile, "profile", "new", "which server it is like: new, snapshot or 2.4.0")
	f.BoolVar(&c.Site.Web, "web", false,
		"be the listener for people: /socket is not for devices, and a drain closes with 1000")
	f.StringVar(&c.Site.RedirectTo, "redirect", "https://docs.nerves-hub.org/",
		"where other paths lead")
}

// registerDevices: which devices the hub knows, and what they get when they join.
func (o *hubOptions) registerDevices(f *pflag.FlagSet) {
	c := &o.cfg
	f.StringVar(&o.key, "key", defaultKey, "product key of the devices; begins with nhp_")
	f.StringVar(&o.secret, "secret", defaultSecret, "its secret")
	f.BoolVar(&c.KnownOnly, "known-only", false,
		"refuse devices that the operator has not PUT; else they are created as they come")
	f.DurationVar(&c.Limits.MaxAge, "max-age", 90*time.Second, "of a signature")
	f.StringArrayVar(&c.OnJoin.FirmwareKeys, "firmware-key", nil,
		"public key that devices get that ask for the firmware's; may be given again")
	f.StringArrayVar(&c.OnJoin.ArchiveKeys, "archive-key", nil, "the same for archives")
}

// registerLimits: the limits that an operator of NervesHub can set, with its defaults.
func (o *hubOptions) registerLimits(f *pflag.FlagSet) {
	c := &o.cfg
	f.IntVar(&c.Limits.HandshakeRate, "handshakes-per-s", 100,
		"connections a second that are let in; 0: all")
	f.DurationVar(&c.Limits.Idle, "idle", 180*time.Second,
		"silence of a device after which its socket is closed")
	f.IntVar(&o.drain.DrainBatch, "drain-batch", 1000, "sockets that a drain closes at a time")
	f.DurationVar(&o.drain.DrainEvery, "drain-every", 4*time.Second,
		"between two batches of a drain")
	f.DurationVar(&o.drain.DrainWithin, "drain-within", 30*time.Second,
		"after which a drain closes the rest with 1000")
	f.DurationVar(&c.RolloutEvery, "offers-every", 3*time.Second,
		"least time between two rounds of offers of deployments")
}

// registerExtensions: which extensions the hub serves, and how often it asks them.
func (o *hubOptions) registerExtensions(f *pflag.FlagSet) {
	f.StringSliceVar(&o.cfg.Extensions, "extensions", nil,
		"that are switched on, with commas; not given: all of the server")
	f.StringArrayVar(&o.extensions, "extension", nil,
		"NAME@VERSION of an extension that the server does not have; may be given again")
	f.DurationVar(&o.healthEvery, "health-every", time.Hour,
		"between two requests for a health report; 0: only when it is attached")
	f.DurationVar(&o.geoEvery, "geo-every", 0, "the same for a location")
}

func (o *hubOptions) check() error {
	profiles := []hubtest.Profile{hubtest.ProfileNew, hubtest.ProfileSnapshot, hubtest.ProfileOld}
	for _, p := range profiles {
		if p.String() == o.profile {
			o.cfg.Profile = p
		}
	}
	switch {
	case o.cfg.Profile.String() != o.profile:
		return fmt.Errorf("--profile: there is no server %q: give one of %v", o.profile, profiles)
	case len(o.key) < 5 || o.key[:4] != "nhp_":
		return fmt.Errorf("--key %q: a product's key begins with nhp_ and goes on", o.key)
	case o.secret == "":
		return errors.New("--secret is empty")
	}
	err := errors.Join(checkAddress("--listen", o.listen), checkAddress("--control", o.control),
		o.checkReach(), o.checkLimits(), o.checkTLS())
	if err != nil {
		return err
	}
	if err := o.serveExtensions(); err != nil {
		return err
	}
	o.cfg.Listen = o.listen
	o.cfg.Keys = []hubtest.Key{{Key: o.key, Secret: o.secret}}
	return nil
}

// serveExtensions reads --extension. A name that is given again has one more version.
func (o *hubOptions) serveExtensions() error {
	all := &o.cfg.Custom
	for _, given := range o.extensions {
		name, version, ok := strings.Cut(given, "@")
		if !ok {
			return fmt.Errorf("--extension %q: give name@version, greeter@1.0.0 for instance", given)
		}
		i := slices.IndexFunc(*all, func(x hubtest.Extension) bool { return x.Name == name })
		if i < 0 {
			i = len(*all)
			*all = append(*all, hubtest.Extension{Name: name})
		}
		(*all)[i].Versions = append((*all)[i].Versions, version)
		if err := (*all)[i].Check(); err != nil {
			return fmt.Errorf("--extension %q: %w", given, err)
		}
	}
	return nil
}

func checkAddress(flag, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return fmt.Errorf("%s %q: give host:port, 127.0.0.1:0 for any port: %w", flag, address, err)
	}
	return nil
}

// checkReach checks the addresses that are given out.
func (o *hubOptions) checkReach() error {
	c := &o.cfg
	if strings.ContainsAny(c.Reach.Advertise, "/@ []") ||
		strings.Contains(c.Reach.Advertise, ":") && net.ParseIP(c.Reach.Advertise) == nil {
		return fmt.Errorf("--advertise %q: give a host name or an IP address, without a port",
			c.Reach.Advertise)
	}
	if c.Reach.Downloads == "" {
		return nil
	}
	return checkAddress("--downloads", c.Reach.Downloads)
}

func (o *hubOptions) checkLimits() error {
	for flag, d := range map[string]time.Duration{
		"--idle": o.cfg.Limits.Idle, "--max-age": o.cfg.Limits.MaxAge,
		"--offers-every": o.cfg.RolloutEvery,
		"--drain-every":  o.drain.DrainEvery, "--drain-within": o.drain.DrainWithin,
	} {
		if d <= 0 {
			return fmt.Errorf("%s %v: must be positive", flag, d)
		}
	}
	if o.healthEvery < 0 || o.geoEvery < 0 {
		return errors.New("--health-every and --geo-every must not be negative")
	}
	if o.drain.DrainBatch < 1 || o.cfg.Limits.HandshakeRate < 0 || o.cfg.Record < 0 {
		return errors.New("--drain-batch must be positive; " +
			"--handshakes-per-s and --record must not be negative")
	}
	if strings.ContainsAny(o.cfg.Site.RedirectTo, "\r\n") {
		return errors.New("--redirect goes into a header: it has no line ends")
	}
	return nil
}

func (o *hubOptions) checkTLS() error {
	c := &o.cfg.Certificates
	if !o.tls {
		if o.cert != "" || o.certKey != "" || o.clientCA != "" || c.TLS13 {
			return errors.New("--tls-cert, --tls-key, --client-ca and --tls13 need --tls")
		}
		return nil
	}
	o.cfg.Mode = hubtest.TLS
	if o.cert != "" || o.certKey != "" {
		if o.cert == "" || o.certKey == "" {
			return errors.New("--tls-cert and --tls-key go together")
		}
		pair, err := tls.LoadX509KeyPair(o.cert, o.certKey)
		if err != nil {
			return fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		c.Server = &pair
	}
	if o.clientCA == "" {
		return nil
	}
	if o.cfg.Site.Web {
		return errors.New("--client-ca: the listener for people (--web) asks for no certificates")
	}
	var err error
	if c.Authorities, err = authoritiesOf(o.clientCA); err != nil {
		return fmt.Errorf("--client-ca: %w", err)
	}
	return nil
}

// authoritiesOf reads the certificates of a PEM file.
func authoritiesOf(file string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return all, nil
}
