package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/hublink-go/hublink/protocol/transport"
)

// Allowed values of keys that are choices.
const (
	CommitJoined  = "joined"
	CommitManual  = "manual"
	RebootExit    = "exit"
	RebootCommand = "command"
	JSON          = "json"
	MessagePack   = "msgpack"

	FormatAuto    = "auto"
	FormatFW      = "fw"
	FormatRaw     = "raw"
	ApplierAuto   = "auto"
	ApplierNative = "native"
	ApplierFwup   = "fwup"
	ApplierSlots  = "slots"

	DowngradeSigned = "signed"
	DowngradeNever  = "never"
	DowngradeAlways = "always"
)

// maxIdentity is the longest identity; hubs use it as a name.
const maxIdentity = 255

// problems collects what is wrong.
type problems []error

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Errorf(format, args...)) }

func (p *problems) oneOf(key, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	p.add("%s = %q: allowed are %s", key, value, strings.Join(allowed, ", "))
}

// check reports everything that is wrong.
func (c *File) check() []error {
	var p problems
	c.checkIdentity(&p)
	c.checkHub(&p)
	c.checkSlots(&p)
	c.checkFirmware(&p)
	p.oneOf("firmware.commit", c.Firmware.Commit, CommitJoined, CommitManual)
	if c.Firmware.CommitDeadline < 0 || c.Firmware.Stall < 0 || c.Hub.Heartbeat < 0 {
		p.add("firmware.commit_deadline, firmware.stall_timeout and hub.heartbeat: " +
			"a positive duration like 90s or 15m")
	}
	p.oneOf("reboot.mode", c.Reboot.Mode, RebootExit, RebootCommand)
	if c.Reboot.Mode == RebootCommand && len(c.Reboot.Command) == 0 {
		p.add(`reboot.command is missing: give program and arguments, like ["/sbin/reboot"]`)
	}
	levels := []string{"trace", "debug", "info", "warn", "error"}
	p.oneOf("log.level", c.Log.Level, levels...)
	if c.Log.Format != "" {
		p.oneOf("log.format", c.Log.Format, "json", "console")
	}
	p.oneOf("extensions.logging.level", c.Extensions.Logging.Level, levels...)
	if _, err := strconv.ParseUint(c.Control.Mode, 8, 9); err != nil {
		p.add("control.mode = %q: an octal file mode like 0660", c.Control.Mode)
	}
	return p
}

func (c *File) checkIdentity(p *problems) {
	given := 0
	for _, set := range []bool{
		c.Identity.Value != "", c.Identity.File != "",
		len(c.Identity.Command) > 0,
	} {
		if set {
			given++
		}
	}
	if given != 1 {
		p.add(
			"identity: give exactly one of identity.value, identity.file and identity.command; %d are given",
			given,
		)
	}
}

func (c *File) checkHub(p *problems) {
	if c.Hub.URL == "" {
		p.add("hub.url is missing: give the host, host:port or URL of the hub's device endpoint")
	}
	if c.Hub.Serializer != "" {
		p.oneOf("hub.serializer", c.Hub.Serializer, JSON, MessagePack)
	}
	if c.Hub.Secret == nil && c.Hub.Certificate == nil {
		p.add("hub has no credentials: give [hub.shared_secret] or [hub.certificate]")
	}
	if _, err := c.Hub.ProxyURL(); err != nil {
		p.add("hub.proxy: %w", err)
	}
	if s := c.Hub.Secret; s != nil {
		if s.Key == "" {
			p.add("hub.shared_secret.key is missing: the hub shows it, it begins with nhp_ or nhd_")
		}
		if (s.Secret == "") == (s.SecretFile == "") {
			p.add("hub.shared_secret: give exactly one of secret and secret_file")
		}
	}
	if cert := c.Hub.Certificate; cert != nil && (cert.CertFile == "" || cert.KeyFile == "") {
		p.add("hub.certificate: give both cert_file and key_file, the paths of PEM files")
	}
}

// checkFirmware checks what kinds of firmware are taken and by whom.
func (c *File) checkFirmware(p *problems) {
	f := &c.Firmware
	p.oneOf("firmware.format", f.Format, FormatAuto, FormatFW, FormatRaw)
	p.oneOf("firmware.applier", f.Applier, ApplierAuto, ApplierNative, ApplierFwup, ApplierSlots)
	p.oneOf("policy.downgrade", c.Policy.Downgrade, DowngradeSigned, DowngradeNever, DowngradeAlways)
	if v := c.Policy.MinimumVersion; v != "" {
		if _, err := semver.NewVersion(v); err != nil {
			p.add("policy.minimum_version = %q: a version like 1.4.0", v)
		}
	}
	archives := f.Format != FormatRaw && f.Applier != ApplierSlots
	if archives && f.Disk == "" && (f.Format == FormatFW || f.Applier != ApplierAuto || c.Slots.A == "") {
		p.add("firmware.disk is missing: give the block device or file that archives are applied to")
	}
	if f.Format == FormatFW && f.Applier == ApplierSlots {
		p.add("firmware.applier = \"slots\" takes no archives, and firmware.format = \"fw\" nothing else")
	}
}

func (c *File) checkSlots(p *problems) {
	switch {
	case c.Slots.A == "" && c.Slots.B == "" && c.Firmware.Disk != "": // archives only
	case c.Slots.A == "" || c.Slots.B == "":
		p.add("slots.a and slots.b: give the paths of the two slots, files or block devices")
	case c.Slots.A == c.Slots.B:
		p.add("slots.a and slots.b are the same: an update would overwrite the running firmware")
	}
	if c.Slots.Size < 0 {
		p.add("slots.size = %d: bytes, not negative", c.Slots.Size)
	}
	if n := len(c.Slots.Env); n < 1 || n > 2 {
		p.add("slots.env: give one or two copies of the boot record, "+
			"each with path, offset and size; %d are given", n)
	}
	for i, e := range c.Slots.Env {
		if e.Path == "" || e.Offset < 0 || e.Size < 64 || e.Size > 1<<20 {
			p.add("slots.env[%d]: a path, an offset that is not negative, and a size of 64 to 1048576 bytes",
				i)
		}
	}
}

// Resolve returns the device's identity.
func (i Identity) Resolve(ctx context.Context) (string, error) {
	var raw []byte
	var err error
	var from string
	switch {
	case i.Value != "":
		raw, from = []byte(i.Value), "identity.value"
	case i.File != "":
		from = "identity.file " + i.File
		raw, err = os.ReadFile(i.File)
	default:
		from = "identity.command " + i.Command[0]
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		raw, err = exec.CommandContext(ctx, i.Command[0], i.Command[1:]...).
			Output()
		//nolint:gosec // the operator's own command
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", from, err)
	}
	line, _, _ := bytes.Cut(bytes.TrimSpace(raw), []byte("\n"))
	id := strings.TrimSpace(string(line))
	if id == "" {
		return "", fmt.Errorf("%s: it is empty: the first line has to be the device identifier", from)
	}
	if len(id) > maxIdentity {
		return "", fmt.Errorf("%s: the identifier has %d bytes, allowed are %d", from, len(id),
			maxIdentity)
	}
	return id, nil
}

// NoProxy is the value of hub.proxy that keeps the environment's proxies out.
const NoProxy = "none"

// ProxyURL returns the URL of hub.proxy, nil when it is empty or NoProxy. No error shows a part of
// it that may be a password.
func (h *Hub) ProxyURL() (*url.URL, error) {
	if h.Proxy == "" || h.Proxy == NoProxy {
		return nil, nil //nolint:nilnil // no proxy, no error
	}
	u, err := url.Parse(string(h.Proxy))
	if err != nil {
		return nil, errors.New(
			`it is no URL: give http://host:port, https://host:port, socks5://host:port or "none"`,
		)
	}
	if err := transport.CheckProxy(u); err != nil {
		return nil, err
	}
	return u, nil
}

// Read returns the shared secret.
func (s *SharedSecret) Read() (string, error) {
	if s.Secret != "" {
		return string(s.Secret), nil
	}
	data, err := os.ReadFile(s.SecretFile)
	if err != nil {
		return "", fmt.Errorf("hub.shared_secret.secret_file: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", errors.New("hub.shared_secret.secret_file is empty")
	}
	return secret, nil
}
