package link

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/hublink-go/hublink/protocol/transport"
)

// diagnosis says in words why the hub was not reached and what a person can do about it.
type diagnosis struct {
	what   string
	advice string
}

// diagnose reads a dial error. secret is whether the device signs with a shared secret.
func diagnose(err error, secret bool) diagnosis {
	var refused *transport.RefusedError
	var phase *transport.PhaseError
	switch {
	case errors.As(err, &refused):
		d := diagnoseRefusal(refused, secret)
		if error(refused) != err { //nolint:errorlint // whether there is something around it
			d.what = err.Error() // who has redirected whom where
		}
		return d
	case errors.As(err, &phase):
		return diagnosis{err.Error(), phaseAdvice[phase.Class()]}
	default:
		return diagnosis{what: err.Error()}
	}
}

// kindOf tells failures apart that are worth a line each. The text of a network error is not good
// for that: it names a port of ours, which is another one every time.
func kindOf(err error) string {
	var phase *transport.PhaseError
	var op *net.OpError
	switch {
	case errors.As(err, &phase):
		return fmt.Sprint(phase.Phase, phase.Target, phase.Class())
	case errors.As(err, &op):
		return op.Op + op.Err.Error()
	default:
		return err.Error()
	}
}

func diagnoseRefusal(r *transport.RefusedError, secret bool) diagnosis {
	what := fmt.Sprintf("the hub refused the connection with HTTP status %d", r.Status)
	if r.Err != nil {
		what += ": " + r.Err.Error()
	}
	if reason := r.Reason(); reason != "" {
		what += fmt.Sprintf(": %.300s", reason) // it is the peer's, and goes into every log and status
	}
	switch {
	case r.Status == http.StatusUnauthorized && secret:
		return diagnosis{
			what,
			"check key, secret and identifier, whether shared secrets are enabled on the hub, and the device's clock",
		}
	case r.Status == http.StatusUnauthorized:
		return diagnosis{
			what,
			"check that the device's certificate or its CA is registered on the hub, and that no proxy in between ends TLS",
		}
	case r.Status == http.StatusForbidden:
		return diagnosis{
			what,
			"check the path of the hub's URL: this one is not for devices, or the hub does not speak this protocol version",
		}
	case r.Status < 400, r.Status == http.StatusNotFound, r.Status == http.StatusBadRequest:
		return diagnosis{
			what,
			"check host, port and path of the hub's URL: this is not the device endpoint",
		}
	case r.Status == http.StatusTooManyRequests,
		r.Status >= http.StatusBadGateway && r.Status <= http.StatusGatewayTimeout:
		return diagnosis{
			what,
			"the hub, or a proxy in front of it, says that it is busy or down; nothing to do on the device",
		}
	default:
		return diagnosis{what, "see the hub's log"}
	}
}

// phaseAdvice is what to do about a failed dial.
var phaseAdvice = map[transport.Class]string{
	transport.ClassBadRequest:     "check the hub's URL",
	transport.ClassDNS:            "check the hub's name and the device's DNS servers",
	transport.ClassRefused:        "check host and port of the hub's URL, and whether the hub runs",
	transport.ClassUnreachable:    "check the device's network",
	transport.ClassTimeout:        "check the network, and host and port of the hub's URL",
	transport.ClassUnknownCA:      "give the certificate of the hub's CA in the configuration",
	transport.ClassHostname:       "check the host of the hub's URL, or give the server name in the configuration",
	transport.ClassExpired:        "check the device's clock, then the hub's certificate",
	transport.ClassOwnCertificate: "check the device's certificate and key files",
	transport.ClassRejected:       "check that the device's certificate or its CA is registered on the hub",
	transport.ClassCut:            "a hub that is busy cuts here; if it stays so, check the device's certificate",
	transport.ClassNotTLS:         "check the port: the hub does not speak TLS there; for a bench without TLS use ws://",
	transport.ClassProxy:          "check the proxy of the configuration or the environment, and whether it lets the device reach the hub",
	transport.ClassProxyAuth:      "check user and password of the proxy",
	transport.ClassNotWebSocket:   "check host, port and path of the hub's URL: this is not the device endpoint",
}
