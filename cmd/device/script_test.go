package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/hublink-go/hublink/firmware"
	"github.com/hublink-go/hublink/firmware/slotdev"
)

// noLeaks is goleak.VerifyTestMain for a TestMain that is testscript's.
type noLeaks struct{ m *testing.M }

func (n noLeaks) Run() int {
	code := n.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(noLeaks{m}, map[string]func(){
		"device": main,
	})
}

// The scripts are what people type. `slots` makes a pair of slots and a boot record in the current
// directory, `certificate` cert.pem and key.pem; `exits N command...` runs a command that has to
// end with the code N.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"slots":       makeSlots,
			"certificate": makeCertificate,
			"exits":       exits,
		},
	})
}

func makeSlots(ts *testscript.TestScript, _ bool, _ []string) {
	cfg := slotdev.Config{
		A: ts.MkAbs("a"), B: ts.MkAbs("b"), Size: 1 << 20,
		Env: []slotdev.Location{{Path: ts.MkAbs("env"), Size: 0x2000}},
	}
	running := firmware.Metadata{
		"uuid":         "fw-1",
		"product":      "p",
		"platform":     "x",
		"architecture": "y",
		"version":      "1.0.0",
	}
	ts.Check(slotdev.Create(cfg, running, nil))
}

func makeCertificate(ts *testscript.TestScript, _ bool, _ []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "gateway-0042"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(
		os.WriteFile(ts.MkAbs("cert.pem"),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
	)
	ts.Check(
		os.WriteFile(ts.MkAbs("key.pem"),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits code command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code is %s, want %s", got, args[0])
	}
}

// A command that gets no answer must not hang: it ends with its context.
func TestCommandsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := run(ctx, []string{"status", "--socket", t.TempDir() + "/s"}, io.Discard,
		io.Discard); code != exitFailure {
		t.Errorf("exit code is %d, want %d", code, exitFailure)
	}
}
