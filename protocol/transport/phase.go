package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Phase is a step of dialling. Each has its own timeout.
type Phase uint8

// The phases in their order.
const (
	PhaseRequest Phase = iota + 1 // the request is unusable
	PhaseResolve
	PhaseConnect
	PhaseProxy // until the proxy has connected to the target
	PhaseTLS
	PhaseUpgrade
)

func (p Phase) String() string {
	switch p {
	case PhaseRequest:
		return "request"
	case PhaseResolve:
		return "resolve"
	case PhaseConnect:
		return "connect"
	case PhaseProxy:
		return "proxy"
	case PhaseTLS:
		return "TLS handshake"
	case PhaseUpgrade:
		return "upgrade"
	default:
		return "unknown phase"
	}
}

// PhaseError is the failure of a dial with its phase.
type PhaseError struct {
	Phase  Phase
	Target string // host:port, never the path or the query
	Err    error
}

func (e *PhaseError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Phase, e.Target, e.Err)
}

// Unwrap returns the cause.
func (e *PhaseError) Unwrap() error { return e.Err }

// Timeout reports whether the phase took too long.
func (e *PhaseError) Timeout() bool { return timedOut(e.Err) }

// Class groups the causes of a failed dial by what an operator has to check.
type Class uint8

// The classes.
const (
	ClassOther          Class = iota
	ClassCancelled            // the caller cancelled
	ClassBadRequest           // the URL or the headers are unusable
	ClassDNS                  // the name does not resolve
	ClassRefused              // no program listens on the port
	ClassUnreachable          // no route to the host or the network
	ClassTimeout              // no answer in time
	ClassUnknownCA            // the server's certificate is not signed by a known CA
	ClassHostname             // the server's certificate is for another name
	ClassExpired              // the server's certificate is not valid now: often a wrong clock
	ClassOwnCertificate       // the device's certificate or key is unreadable or unusable
	ClassRejected             // the server refused the device's certificate
	ClassCut                  // closed during the TLS handshake, as NervesHub does at its rate limit
	ClassNotTLS               // the server does not speak TLS on this port
	ClassNotWebSocket         // the server's answer is not a WebSocket upgrade
	ClassProxy                // the proxy is unreachable or refuses
	ClassProxyAuth            // the proxy refuses the credentials
	classes
)

func (c Class) String() string {
	names := [classes]string{
		"other", "cancelled", "bad request", "name resolution", "refused", "unreachable", "timeout",
		"unknown CA", "host name mismatch",
		"certificate not valid now", "own certificate", "own certificate rejected", "cut during TLS",
		"not TLS", "not WebSocket",
		"proxy", "proxy credentials",
	}
	if c >= classes {
		return "unknown class"
	}
	return names[c]
}

// ownCertificateError is the failure to provide the device's certificate.
type ownCertificateError struct{ err error }

func (e *ownCertificateError) Error() string { return "client certificate: " + e.err.Error() }
func (e *ownCertificateError) Unwrap() error { return e.err }

// Class returns the group of the cause.
func (e *PhaseError) Class() Class {
	var (
		own   *ownCertificateError
		proxy *ProxyError
	)
	switch {
	case errors.Is(e.Err, context.Canceled):
		return ClassCancelled
	case e.Phase == PhaseRequest:
		return ClassBadRequest
	case errors.As(e.Err, &proxy) && proxy.unauthorized():
		return ClassProxyAuth
	case e.Phase == PhaseProxy:
		return ClassProxy
	case errors.As(e.Err, &own):
		return ClassOwnCertificate
	case errors.Is(e.Err, ErrNotWebSocket):
		return ClassNotWebSocket
	}
	if c := certificateClass(e.Err); c != ClassOther {
		return c
	}
	return networkClass(e.Phase, e.Err)
}

func certificateClass(err error) Class {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return ClassUnknownCA
	case errors.As(err, &hostname):
		return ClassHostname
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ClassExpired
	case errors.As(err, &record):
		return ClassNotTLS
	case errors.As(err, &op) && op.Op == "remote error" && rejects(op.Err.Error()):
		return ClassRejected
	default:
		return ClassOther
	}
}

// rejects reports whether alert is about a certificate. It compares texts, because crypto/tls
// exports alerts for QUIC only.
func rejects(alert string) bool {
	return strings.Contains(alert, "certificate") || strings.Contains(alert, "access denied")
}

func networkClass(phase Phase, err error) Class {
	var dns *net.DNSError
	switch {
	case phase == PhaseResolve, errors.As(err, &dns): // including a timeout of the name server
		return ClassDNS
	case timedOut(err):
		return ClassTimeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return ClassRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return ClassUnreachable
	case phase == PhaseTLS && cut(err), phase == PhaseConnect && errors.Is(err, syscall.ECONNRESET):
		return ClassCut
	default:
		return ClassOther
	}
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, os.ErrDeadlineExceeded)
}

func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE)
}
