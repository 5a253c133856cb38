package transport

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
)

// ConnInfo describes the ends of a link.
type ConnInfo struct {
	LocalAddr, RemoteAddr net.Addr
	TLS                   *TLSInfo // nil means unencrypted
	Deflate               *Deflate // nil means no compression
}

// TLSInfo is the agreement of an encrypted link.
type TLSInfo struct {
	Version     uint16            // tls.VersionTLS12 and so on
	CipherSuite uint16            // tls.CipherSuiteName has its name
	ServerName  string            // as sent by the client
	Peer        *x509.Certificate // nil means that the peer sent none
	Verified    bool              // the peer's certificate was checked against the roots
}

func infoOf(nc net.Conn) ConnInfo {
	info := ConnInfo{LocalAddr: nc.LocalAddr(), RemoteAddr: nc.RemoteAddr()}
	if t, ok := nc.(*tls.Conn); ok {
		info.TLS = tlsInfo(t.ConnectionState())
	}
	return info
}

func tlsInfo(s tls.ConnectionState) *TLSInfo {
	info := &TLSInfo{
		Version:     s.Version,
		CipherSuite: s.CipherSuite,
		ServerName:  s.ServerName,
		Verified:    len(s.VerifiedChains) > 0,
	}
	if len(s.PeerCertificates) > 0 {
		info.Peer = s.PeerCertificates[0]
	}
	return info
}

// Interface returns the network interface with the local address. Every call asks the system.
func (i ConnInfo) Interface() (*net.Interface, error) {
	local, ok := i.LocalAddr.(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("interface of %v: not an IP address", i.LocalAddr)
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("interface of %v: %w", local.IP, err)
	}
	for n := range all {
		addrs, err := all[n].Addrs()
		if err != nil {
			continue // the interface was removed
		}
		for _, a := range addrs {
			if have, ok := a.(*net.IPNet); ok && have.IP.Equal(local.IP) {
				return &all[n], nil
			}
		}
	}
	return nil, fmt.Errorf("interface of %v: none has this address", local.IP)
}
