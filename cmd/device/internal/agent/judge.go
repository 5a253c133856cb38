package agent

import (
	"context"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"github.com/hublink-go/hublink/cmd/device/internal/config"
	"github.com/hublink-go/hublink/cmd/device/internal/look"
	"github.com/hublink-go/hublink/firmware"
	firmwareformat "github.com/hublink-go/hublink/firmware/format"
	"github.com/hublink-go/hublink/firmware/fwfile"
)

// LookAt reads the firmware file of an order and judges its signature with keys, which are what
// firmware.public_keys takes. With a configuration, whose keys it uses too, the report also says
// whether the device takes the file now, and refused is the reason if it does not.
func LookAt(ctx context.Context, file *config.File, o Order, keys []string) (
	f *look.File, refused, err error,
) {
	if file != nil {
		keys = slices.Concat(keys, file.Firmware.PublicKeys)
	}
	parsed, err := publicKeys(keys)
	if err != nil {
		return nil, nil, err
	}
	if f, err = look.Read(ctx, o.Source, parsed); err != nil {
		return nil, nil, err
	}
	if file == nil {
		return f, unverified(f), nil
	}
	how, refused := judgeLocal(ctx, o.config(file), f, o.Version)
	f.Device = &look.Device{Takes: refused == nil, Why: how}
	if refused != nil {
		f.Device.Why = refused.Error()
	}
	return f, refused, nil
}

// unverified is why an archive is not trusted.
func unverified(f *look.File) error {
	switch a := f.Archive; {
	case a == nil:
		return nil
	case a.Problem != "":
		return refuse(ErrVerification, "%s", a.Problem)
	case a.Signature.Problem != "":
		return refuse(ErrVerification, "%s", a.Signature.Problem)
	default:
		return nil
	}
}

// judgeLocal says how the device would install a file, or why it does not.
func judgeLocal(
	ctx context.Context, file *config.File, f *look.File, version string,
) (string, error) {
	slots, err := openSlots(ctx, file)
	if err != nil {
		return "", fmt.Errorf("it cannot be judged: %w", err)
	}
	found := found{slots: slots}
	if found.keys, err = publicKeys(file.Firmware.PublicKeys); err != nil {
		return "", err
	}
	state, err := slots.State(ctx)
	if err != nil {
		return "", err
	}
	return found.judge(file, f, state, version)
}

// judge says how the device in that state would install a file, or why it does not. version is that
// of an image, which has none by itself.
func (f *found) judge(file *config.File, fw *look.File, state firmware.BootState, version string) (
	string, error,
) {
	if err := f.trusts(file, fw); err != nil {
		return "", err
	}
	if err := f.wants(file, offerOf(fw, state, version), state); err != nil {
		return "", err
	}
	switch {
	case !state.Validated:
		return "", errOnTrial()
	case fw.Format() == firmwareformat.Raw:
		return "the image is written to the other slot", nil
	case state.Next != state.Active:
		return "the flip to slot " + state.Next + ", which was not booted, is taken back first", nil
	}
	return f.task(file, fw)
}

func errOnTrial() error {
	return refuse(ErrPolicy,
		"the running firmware is on trial: commit it or let its trial end before the next update")
}

// trusts judges kind, signature and content of a file.
func (f *found) trusts(file *config.File, fw *look.File) error {
	conf := &file.Firmware
	switch kind := fw.Format(); {
	case kind == firmwareformat.Raw && (conf.Format == config.FormatFW || file.Slots.A == ""):
		return refuse(ErrPolicy, "%v", &firmwareformat.KindError{Kind: kind})
	case kind == firmwareformat.Raw && !conf.AllowUnsigned:
		return refuse(ErrVerification, "%v", errUnsigned)
	case kind == firmwareformat.Raw:
		return nil
	case kind != firmwareformat.Archive || !archives(file):
		return refuse(ErrPolicy, "%v", &firmwareformat.KindError{Kind: kind})
	}
	a := fw.Archive
	unsigned := !a.Signature.Signed || len(f.keys) == 0
	switch {
	case a.Problem != "":
		return refuse(ErrVerification, "%s", a.Problem)
	case len(f.keys) == 0 && !conf.AllowUnsigned:
		return refuse(ErrVerification, "%v: set firmware.public_keys", fwfile.ErrNoKeys)
	case a.Signature.Key == "" && !(unsigned && conf.AllowUnsigned):
		return refuse(ErrVerification, "%s", a.Signature.Problem)
	default:
		return nil
	}
}

// offerOf describes a file as a hub would offer it.
func offerOf(fw *look.File, running firmware.BootState, version string) *firmware.Offer {
	o := &firmware.Offer{URL: "file:", Size: fw.Size, Checksum: fw.SHA256, Meta: firmware.Metadata{}}
	if m := fw.Meta(); m != nil {
		o.UUID = m.UUID
		for key, value := range map[string]string{
			"uuid": m.UUID, "product": m.Product, "version": m.Version, "platform": m.Platform,
			"architecture": m.Architecture, "author": m.Author, "description": m.Description,
			"vcs_identifier": m.VCS, "misc": m.Misc,
		} {
			if value != "" {
				o.Meta[key] = value
			}
		}
		return o
	}
	for _, key := range [...]string{"product", "platform", "architecture"} {
		if value, ok := running.Meta[key]; ok {
			o.Meta[key] = value
		}
	}
	s := fw.SHA256
	o.UUID = s[0:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:32]
	o.Meta["uuid"], o.Meta["version"] = o.UUID, version
	return o
}

// wants applies the policy of offers.
func (f *found) wants(file *config.File, o *firmware.Offer, state firmware.BootState) error {
	policy := f.policy(file)
	refusal := policy.Judge(state, o)
	if refusal.Status == 0 {
		return nil
	}
	kind := ErrPolicy
	lenient := policy
	lenient.AllowDowngrade, lenient.MinimumVersion = true, ""
	switch {
	case o.UUID == state.Meta["uuid"]:
		kind = ErrInstalled
	case lenient.Judge(state, o).Status == 0:
		kind = ErrDowngrade
	case state.Capacity > 0 && o.Size > state.Capacity:
		kind = ErrNoSpace
	}
	return refuse(kind, "%s", refusal.Reason)
}

// task says which task of an archive would run.
func (f *found) task(file *config.File, fw *look.File) (string, error) {
	a, err := f.archives(file, zerolog.Nop())
	if err != nil {
		return "", err
	}
	plan, err := a.Plan(fw.Meta())
	if err != nil {
		return "", refuse(ErrPolicy, "%v", err)
	}
	if !plan.Native {
		return "a task " + plan.Task + ", applied by fwup", nil
	}
	note := ""
	for _, r := range fw.Uses(plan.Task) {
		switch r.State {
		case look.Missing:
			return "", refuse(ErrVerification, "the archive lacks the resource %s, which its task %s uses",
				r.Name, plan.Task)
		case look.Delta:
			note = "; whether its delta fits is known when it is applied"
		}
	}
	return "task " + plan.Task + ", applied natively" + note, nil
}
